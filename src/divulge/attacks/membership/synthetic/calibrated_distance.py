"""The distance to the closest synthetic record, beside that to the closest real one (Chen et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.mixed.space import nearest
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class CalibratedDistance:
    """The same, less how far a real record is at any rate: the distance to the closest of the adversary's own records
    (Chen et al. 2020, section 5.4, with the reference model replaced by its data).
    """

    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="calibrated_distance",
        title="Distance, calibrated by real records",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="chen2020b",
        equations="section 5.4, eq. 10, the reference being real records",
        summary="compares how close synthetic records come with how close real ones do",
        needs=Needs(Access.SAMPLES, frozenset({Knowledge.POPULATION}), tasks=ALL_TASKS),
        strength=0.5,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples.  As many real records are looked at as there are synthetic ones."""
        seen = released(view, self.samples)
        real = seen.population(view)[: len(seen.table)]
        apart = nearest(seen.candidates, real, 1)[:, 0] - nearest(seen.candidates, seen.table, 1)[:, 0]
        return MembershipGuess(apart)
