"""Attacks that look for the released record that is closest to the one in question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.space import nearest, squared_distances
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class ClosestRecord:
    """Distance to the closest record (DCR): a reference, since it says of a record far from all others that it was no
    member, whoever it is.  A release with large distances leaks all the same (Ganev and De Cristofaro 2023).

    samples: records that are drawn; None for as many as a half of the candidates, or for all of a table.
    """

    samples: int | None = None

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
        seen = released(view, self.samples)
        return MembershipGuess(-nearest(seen.candidates, seen.table, 1)[:, 0])


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


@dataclass(frozen=True)
class ExactHits:
    """How often a record stands in the release to the letter."""

    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="exact_hits",
        title="Records that are there to the letter",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="hilprecht2019",
        equations="section 4.2, Monte Carlo at distance 0",
        summary="counts the synthetic records that equal the one in question",
        needs=Needs(Access.SAMPLES, tasks=ALL_TASKS),
        strength=0.4,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples."""
        table = view.target.samples(self.samples or len(view.candidates) // 2, view.candidates.schema)
        keys, counts = np.unique(np.array(table.row_keys()), return_counts=True)
        held = dict(zip(keys.tolist(), counts.tolist(), strict=True))
        return MembershipGuess(np.array([float(held.get(key, 0)) for key in view.candidates.row_keys()]))


@dataclass(frozen=True)
class MonteCarlo:
    """The share of synthetic records in a ball around the record, as wide as the closest ones usually are far
    (Hilprecht et al. 2019, median heuristic).
    """

    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="monte_carlo",
        title="Synthetic records nearby (Monte Carlo)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="hilprecht2019",
        equations="section 4.2, eq. 5 with the median heuristic",
        summary="counts the synthetic records around the one in question, the close ones more",
        needs=Needs(Access.SAMPLES, tasks=ALL_TASKS),
        strength=0.35,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples.  A record within the ball counts by -log of its distance (eq. 6)."""
        seen = released(view, self.samples)
        radius = float(np.median(nearest(seen.candidates, seen.table, 1)[:, 0])) or 1e-6
        found = np.empty(len(seen.candidates))
        for rows, squared in squared_distances(seen.candidates, seen.table):
            inside = squared <= radius**2
            close = np.log(radius + 1e-6) - np.log(np.sqrt(squared) + 1e-6)
            found[rows] = np.where(inside, 1e-3 + close, 0.0).sum(axis=1) / len(seen.table)
        return MembershipGuess(found, tie_break=-nearest(seen.candidates, seen.table, 1)[:, 0])
