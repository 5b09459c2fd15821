"""The distance to the closest synthetic record (DCR)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.mixed.space import nearest
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class ClosestRecord:
    """Distance to the closest record (DCR): a reference, since it says of a record far from all others that it was no
    member, whoever it is.  A release with large distances leaks all the same (Ganev and De Cristofaro 2023).

    samples: records that are drawn; None for as many as a half of the candidates, or for all of a table.
    components: see MonteCarlo.
    """

    samples: int | None = None
    components: int | None = None

    card: ClassVar[Card] = Card(
        name="closest_record",
        title="Distance to the closest record",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="chen2020b",
        equations="section 5.1, full black-box: eq. 4",
        summary="calls a record a member where a synthetic one is close to it; a weak reference",
        needs=Needs(Access.SAMPLES, tasks=ALL_TASKS),
        strength=0.3,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, and one distance for each pair of a candidate and a sample."""
        seen = released(view, self.samples, self.components)
        return MembershipGuess(-nearest(seen.candidates, seen.table, 1)[:, 0])
