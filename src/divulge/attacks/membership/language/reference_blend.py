"""Three comparisons with a reference together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.error_zone import zone_of
from divulge.attacks.membership.language.gains import gains, needing_reference
from divulge.attacks.membership.language.window_votes import WindowVotes
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class ReferenceBlend:
    """The mean of the ranks that the ratio to the reference, votes of windows and the error zone give a text: votes win
    where a model knows much by heart, the ratio where it knows little, and which it is nobody can tell without members.
    """

    card: ClassVar[Card] = Card(
        name="reference_blend",
        title="Ratio, votes and error zone",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="divulge2026",
        equations="mean rank of reference_ratio, window_votes and error_zone, see docs/language.md",
        summary="asks three ways of comparing with a model that never saw the text, and takes their mean",
        needs=needing_reference(),
        strength=0.88,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text.  The error zone is left out where a model does not tell its first choice."""
        own, gain = gains(view)
        parts = [rank_share(part) for part in comparisons(own, gain)]
        return MembershipGuess(np.mean(parts, axis=0), tie_break=own.mean_of(gain))


def comparisons(own: TokenScores, gain: Array) -> list[Array]:
    """What each way of comparing makes of every text: mean gain, votes, and the error zone where ranks are told."""
    means = own.mean_of(gain)
    tied = [WindowVotes().votes(own, gain)] + ([] if np.isnan(own.rank).any() else [zone_of(own, gain)])
    return [means, *(_untied(values, means) for values in tied)]


def _untied(values: Array, means: Array) -> Array:
    """Positions in the order of `values`, equal ones by their means."""
    pairs = np.column_stack([values, means])
    return np.unique(pairs, axis=0, return_inverse=True)[1].astype(np.float64).ravel()


def rank_share(values: Array) -> Array:
    """The share of candidates below each, half of the equal ones counted: [texts]."""
    ordered = np.sort(values)
    below, upto = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((below + upto) / (2 * len(values)))
