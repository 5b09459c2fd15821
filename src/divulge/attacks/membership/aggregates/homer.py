"""How much nearer a record is to published shares than to those of the population (Homer et al. 2008)."""

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
class Homer:
    """Sum over cells of |record - population| - |record - release| (Homer et al. 2008, equation 1)."""

    card: ClassVar[Card] = Card(
        name="homer",
        title="Homer, distance to published shares",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="homer2008",
        equations="equation 1",
        summary="asks whether a record is nearer to the published shares than to the usual ones",
        needs=READING,
        strength=0.5,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: nothing is asked; a comparison for each record and cell."""
        seen = shares_of(view)
        return MembershipGuess(homer(seen.asked, seen.released, seen.usual))


def homer(asked: Array, shares: Array, population: Array) -> Array:
    """How much nearer a record is to the released shares than to the population's (Homer et al. 2008, equation 1).

    asked: [records, cells].  shares, population: [cells].
    """
    return np.asarray((np.abs(asked - population) - np.abs(asked - shares)).sum(axis=1))
