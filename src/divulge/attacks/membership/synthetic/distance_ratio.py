"""How much closer the closest synthetic record is than the second (NNDR)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.mixed.space import nearest
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class DistanceRatio:
    """Nearest-neighbour distance ratio (NNDR): how much closer the closest synthetic record is than the second."""

    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="distance_ratio",
        title="Distance ratio of two neighbours",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="ganev2023",
        equations="section 3, NNDR, turned into an attack",
        summary="calls a record a member where one synthetic record is much closer than the next",
        needs=Needs(Access.SAMPLES, tasks=ALL_TASKS),
        strength=0.3,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples."""
        seen = released(view, self.samples)
        apart = nearest(seen.candidates, seen.table, 2)
        ratio = (apart[:, 0] + 1e-9) / (apart[:, -1] + 1e-9)
        return MembershipGuess(-ratio, tie_break=-apart[:, 0])
