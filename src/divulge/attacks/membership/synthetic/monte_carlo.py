"""Synthetic records in a ball around a record (Hilprecht et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.mixed.space import nearest, squared_distances
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class MonteCarlo:
    """The share of synthetic records in a ball around the record, as wide as the closest ones usually are far
    (Hilprecht et al. 2019, median heuristic).

    components: principal components of the candidates that distances are taken in; 40 in the paper, for images.  All
    axes, the pixels, when None.
    """

    samples: int | None = None
    components: int | None = None

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
        seen = released(view, self.samples, self.components)
        radius = float(np.median(nearest(seen.candidates, seen.table, 1)[:, 0])) or 1e-6
        found = np.empty(len(seen.candidates))
        for rows, squared in squared_distances(seen.candidates, seen.table):
            inside = squared <= radius**2
            close = np.log(radius + 1e-6) - np.log(np.sqrt(squared) + 1e-6)
            found[rows] = np.where(inside, 1e-3 + close, 0.0).sum(axis=1) / len(seen.table)
        return MembershipGuess(found, tie_break=-nearest(seen.candidates, seen.table, 1)[:, 0])
