"""Synthetic records among the nearest of both kinds (Ward et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.mixed.space import nearest, squared_distances
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

REAL = Needs(Access.SAMPLES, frozenset({Knowledge.POPULATION}), tasks=ALL_TASKS)


@dataclass(frozen=True)
class PlagiarismIndex:
    """Among the nearest records of both tables together, how many are synthetic (Ward et al. 2024, data plagiarism
    index).

    neighbors: how many are looked at.
    """

    samples: int | None = None
    neighbors: int = 20

    card: ClassVar[Card] = Card(
        name="plagiarism_index",
        title="Data plagiarism index",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="ward2024",
        equations="section 3, the share of synthetic records among the nearest",
        summary="counts synthetic records among the nearest neighbours, real ones against them",
        needs=REAL,
        strength=0.45,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples.  As many real records are looked at as there are synthetic ones."""
        seen = released(view, self.samples)
        real = seen.population(view)[: len(seen.table)]
        both = np.concatenate([real, seen.table[: len(real)]])
        synthetic = np.arange(len(both)) >= len(real)
        count = min(self.neighbors, len(both))
        found = np.empty(len(seen.candidates))
        for rows, apart in squared_distances(seen.candidates, both):
            close = np.argpartition(apart, count - 1, axis=1)[:, :count]
            found[rows] = synthetic[close].mean(axis=1)
        difference = nearest(seen.candidates, real, 1)[:, 0] - nearest(seen.candidates, seen.table, 1)[:, 0]
        return MembershipGuess(found, tie_break=difference)
