"""How much likelier a record is by published shares than by those of the population (Sankararaman et al. 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.aggregates.shares import READING, shares_of
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class ShareLikelihood:
    """Sum over cells of the log-likelihood ratio of being in the cell (Sankararaman et al. 2009, equation 1), as if
    cells were independent.
    """

    card: ClassVar[Card] = Card(
        name="share_likelihood",
        title="Likelihood ratio of published shares",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="sankararaman2009",
        equations="equation 1, likelihood ratio test",
        summary="asks how much likelier a record is by the published shares than by the usual ones",
        needs=READING,
        strength=0.6,
        differs="shares of 0 and 1 are drawn in by a person: records of a table, unlike alleles, have rare cells",
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: nothing is asked; a comparison for each record and cell."""
        seen = shares_of(view)
        return MembershipGuess(log_ratio(seen.asked, seen.released, seen.usual, len(view.candidates) // 2, seen.public))


def log_ratio(asked: Array, shares: Array, population: Array, counted: int, public: int) -> Array:
    """Log-likelihood ratio of each record, released shares against those of the population [records].

    asked: [records, cells].  shares, population: [cells], of so many people each; a share of whom was counted is drawn
    in by one usual person, a usual one by half a person.
    """
    usual = (population * public + 0.5) / (public + 1)
    inside = (shares * counted + usual) / (counted + 1)
    held = asked @ (np.log(inside) - np.log(usual))
    return np.asarray(held + (1 - asked) @ (np.log1p(-inside) - np.log1p(-usual)))
