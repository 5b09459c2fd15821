"""Attacks that compare how dense synthetic records lie around a record with how dense real ones do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.space import log_density, nearest, squared_distances, width_of
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
        width, count = width_of(real), min(self.neighbors, len(seen.table))
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


@dataclass(frozen=True)
class ReleaseClassifier:
    """A classifier learns to tell synthetic records from real ones; what looks synthetic to it was trained on (LOGAN,
    Hayes et al. 2019, the adversary with records of the same population).
    """

    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="release_classifier",
        title="Classifier of synthetic and real records",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="hayes2019",
        equations="section 4.3, black-box attack with auxiliary knowledge",
        summary="learns to tell synthetic records from real ones and calls a member what looks synthetic",
        needs=REAL,
        strength=0.35,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, and one boosted classifier."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        seen = released(view, self.samples)
        real = seen.population(view)
        inputs = np.concatenate([real, seen.table])
        judge = HistGradientBoostingClassifier(
            max_iter=100, early_stopping=False, class_weight="balanced", random_state=0
        )
        with threadpool_limits(1):
            judge.fit(inputs, np.arange(len(inputs)) >= len(real))
            return MembershipGuess(judge.decision_function(seen.candidates))
