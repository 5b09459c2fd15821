"""What is special about a record and about published shares, multiplied (Dwork et al. 2015)."""

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
class Traceability:
    """Inner product of record - population and release - population (Dwork et al. 2015, section 3)."""

    card: ClassVar[Card] = Card(
        name="traceability",
        title="Tracing by inner product",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="dwork2015",
        equations="section 3",
        summary="multiplies what is special about a record with what is special about the published shares",
        needs=READING,
        strength=0.5,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: nothing is asked; a comparison for each record and cell."""
        seen = shares_of(view)
        return MembershipGuess(traced(seen.asked, seen.released, seen.usual))


def traced(asked: Array, shares: Array, population: Array) -> Array:
    """Inner product of what is special about a record and about the release (Dwork et al. 2015, section 3).

    asked: [records, cells].  shares, population: [cells].
    """
    return np.asarray((asked - population) @ (shares - population))
