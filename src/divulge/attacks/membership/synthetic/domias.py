"""The ratio of two densities, of synthetic and of real records (van Breugel et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.mixed.space import log_density, width_of
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

REAL = Needs(Access.SAMPLES, frozenset({Knowledge.POPULATION}), tasks=ALL_TASKS)


@dataclass(frozen=True)
class Domias:
    """The ratio of two densities at the record, of synthetic and of real records (van Breugel et al. 2023, eq. 2), each
    by Gaussian kernels of one width among mixed columns.

    samples: see ClosestRecord.  width: of the kernels; half of the median distance between neighbours when None.
    """

    samples: int | None = None
    width: float | None = None

    card: ClassVar[Card] = Card(
        name="domias",
        title="DOMIAS, density ratio",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="vanbreugel2023",
        equations="eq. 2, kernel density",
        summary="asks where synthetic records are denser than real ones are",
        needs=REAL,
        strength=0.65,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, and one distance for each candidate and record of either table."""
        seen = released(view, self.samples)
        real = seen.population(view)
        width = self.width or width_of(real)
        return MembershipGuess(
            log_density(seen.candidates, seen.table, width) - log_density(seen.candidates, real, width)
        )
