"""Tokens that the model gets wrong, against a reference (Ilić et al. 2026, EZ-MIA)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.gains import gains, needing_reference
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView

FAINT = 1e-3
"""Nats added to both sums, so that a text whose tokens all rose, or all fell, has a ratio."""


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
        differs="0.001 nats are added to both sums, a text whose tokens are all the likeliest is above all others",
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
