"""How much likelier a record makes the synthetic ones around it (Gen-LRA, Ward et al. 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.mixed.space import log_density, squared_distances, width_of
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

REAL = Needs(Access.SAMPLES, frozenset({Knowledge.POPULATION}), tasks=ALL_TASKS)


@dataclass(frozen=True)
class LocalLikelihood:
    """By how much the record, added to the real ones, makes the synthetic records around it likelier (Gen-LRA, Ward et
    al. 2025): log p(S | real and x) - log p(S | real), over the `neighbors` of S that are nearest to x.
    """

    samples: int | None = None
    neighbors: int = 10

    card: ClassVar[Card] = Card(
        name="local_likelihood",
        title="Local likelihood ratio (Gen-LRA)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="ward2025",
        equations="section 3.2, kernel density",
        summary="asks how much likelier the synthetic records nearby are if the record was among the real ones",
        needs=REAL,
        strength=0.6,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples.  With kernels, p(s | real and x) = (n p(s | real) + K(s, x)) / (n + 1)."""
        seen = released(view, self.samples)
        real = seen.population(view)
        width, count = width_of(seen.table), min(self.neighbors, len(seen.table))
        density = log_density(seen.table, real, width)
        found = np.empty(len(seen.candidates))
        for rows, apart in squared_distances(seen.candidates, seen.table):
            found[rows] = _gained(apart, density, width, len(real), count)
        return MembershipGuess(found)


def _gained(apart: Array, density: Array, width: float, real: int, count: int) -> Array:
    """Sum over the nearest of log((n + K(s, x) / p(s)) / (n + 1)): [candidates]."""
    close = np.argpartition(apart, count - 1, axis=1)[:, :count]
    kernel = np.take_along_axis(apart, close, axis=1) / (-2 * width**2) - density[close]
    return np.asarray((np.logaddexp(np.log(real), np.minimum(kernel, 700)) - np.log(real + 1)).sum(axis=1))
