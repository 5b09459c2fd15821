"""Token by token against a model that never saw the texts: votes of windows, and tokens that the model gets wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


def needing_reference() -> Needs:
    """Token log-probabilities, and a model that never saw the texts."""
    return Needs(Access.TOKEN_LOGPROBS, frozenset({Knowledge.REFERENCE}), tasks=frozenset({Task.LANGUAGE}))


def gains(view: MembershipView) -> tuple[TokenScores, Array]:
    """What the target says, and how much more it expects each token than the reference does: [tokens].

    Raises Impossible where the two cut texts into other tokens.
    """
    own, other = (model.token_logprobs(view.candidates) for model in (view.target, view.reference))
    if not own.same_tokens(other):
        raise Impossible("the reference cuts texts into other tokens than the target, so that tokens have no partners")
    return own, own.logprob - other.logprob


@dataclass(frozen=True)
class WindowVotes:
    """The share of windows in which the target expects the text more than the reference does, as the mean over window
    sizes (Chen et al. 2026, WBC).  A vote has no size, so that a few tokens of large gain, which any fine-tune brings,
    do not decide.

    smallest, largest, sizes: of the windows, in tokens, geometrically spaced; longer ones than a text become the text.
    """

    smallest: int = 2
    largest: int = 40
    sizes: int = 10

    card: ClassVar[Card] = Card(
        name="window_votes",
        title="Votes of windows",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="chen2026",
        equations="WBC: signs of windowed differences, averaged over geometrically spaced window sizes",
        summary="counts the windows of a text that the model expects more than the one it was trained on from does",
        needs=needing_reference(),
        strength=0.85,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text.  Equal shares are ordered by the mean gain."""
        own, gain = gains(view)
        return MembershipGuess(self.votes(own, gain), tie_break=own.mean_of(gain))

    def votes(self, own: TokenScores, gain: Array) -> Array:
        """Shares of windows whose gain is above 0: [texts] from [tokens]."""
        return np.array([votes_of(part, self.windows()) for part in own.by_text(gain)])

    def windows(self) -> list[int]:
        """The window sizes, rising."""
        return sorted({int(size) for size in np.rint(np.geomspace(self.smallest, self.largest, self.sizes))})


def votes_of(gain: Array, windows: list[int]) -> float:
    """The share of windows whose gain is above 0, averaged over window sizes.  gain: of one text, [tokens]."""
    total = np.concatenate([[0.0], np.cumsum(gain)])
    sizes = sorted({min(size, len(gain)) for size in windows})
    return float(np.mean([np.mean(total[size:] - total[:-size] > 0) for size in sizes]))


@dataclass(frozen=True)
class ErrorZone:
    """Of the tokens that are not the target's first choice: the sum of rises of the log-probability above the
    reference's over the sum of falls (Ilić et al. 2026, EZ-MIA), as a logarithm.
    """

    card: ClassVar[Card] = Card(
        name="error_zone",
        title="Error zone",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="ilic2026",
        equations="EZ score: sum of upward over sum of downward shifts of log p where the model errs",
        summary="looks where the model guesses wrong and asks whether training still moved the right token up",
        needs=needing_reference(),
        strength=0.8,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text.  Texts without a wrong token, the best known ones, come first, by their mean gain.
        Impossible where the model does not tell how many tokens are likelier.
        """
        own, gain = gains(view)
        if np.isnan(own.rank).any():
            raise Impossible("the model does not tell which tokens are its first choice")
        return MembershipGuess(zone_of(own, gain), tie_break=own.mean_of(gain))


def zone_of(own: TokenScores, gain: Array) -> Array:
    """ErrorZone's score: [texts] from [tokens]; above all others for texts without a wrong token."""
    wrong = own.rank > 0
    up = own.sum_of(np.where(wrong, np.maximum(gain, 0.0), 0.0))
    down = own.sum_of(np.where(wrong, np.maximum(-gain, 0.0), 0.0))
    ratio = np.log(up + FAINT) - np.log(down + FAINT)
    some = own.sum_of(wrong.astype(np.float64)) > 0
    return np.where(some, ratio, ratio.max() + 1)


FAINT = 1e-3
"""Nats added to both sums, so that a text whose tokens all rose, or all fell, has a ratio."""


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
