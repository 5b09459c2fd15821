"""Detectors: they change no answer, they watch what one client asks.

A detector gives a suspicion for every `WINDOW` queries of a stream; above a threshold it raises the alarm.  Thresholds
come from benign streams, at a false-alarm rate per thousand benign queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array

WINDOW = 100
FEWEST_DISTANCES = 30
MOST_KEPT = 2_000
"""Queries of one class, the latest, that PRADA compares a new one with: a bound on its work."""


class Detector(Protocol):
    """Watches a stream of queries."""

    name: ClassVar[str]

    def suspicion(self, queries: Array, labels: Array) -> Array:
        """One number for every WINDOW queries, higher is more suspicious: [windows].

        queries: [queries, features] in the order in which they came.  labels: what was answered.
        """
        ...


@dataclass(frozen=True)
class Prada:
    """PRADA (Juuti et al. 2019, section 5, algorithm 3): the distance of each query to the nearest earlier one of its
    class is roughly normally distributed for natural records and not for synthetic ones; suspicion is 1 - W of the
    Shapiro-Wilk test on all distances so far, without outliers.
    """

    name: ClassVar[str] = "prada"

    def suspicion(self, queries: Array, labels: Array) -> Array:
        """See Detector."""
        grown: dict[int, list[Array]] = {}
        of_class: dict[int, list[float]] = {}
        distances: list[float] = []
        found = []
        for number, (x, label) in enumerate(zip(queries, labels.astype(int).tolist(), strict=True), start=1):
            kept, seen = grown.setdefault(label, []), of_class.setdefault(label, [])
            if kept:
                near = float(np.sqrt(((np.stack(kept[-MOST_KEPT:]) - x) ** 2).sum(axis=1).min()))
                distances.append(near)
                seen.append(near)
                if near > float(np.mean(seen) - np.std(seen)):
                    kept.append(x)
            else:
                kept.append(x)
            if number % WINDOW == 0:
                found.append(self._oddity(np.array(distances)))
        return np.array(found)

    @staticmethod
    def _oddity(distances: Array) -> float:
        from scipy import stats

        inside = distances[np.abs(distances - distances.mean()) <= 3 * distances.std()]
        if len(inside) < FEWEST_DISTANCES or np.ptp(inside) <= 0:
            return 0.0 if len(inside) < FEWEST_DISTANCES else 1.0
        return float(1 - stats.shapiro(inside[-5000:]).statistic)


@dataclass(frozen=True, eq=False)
class DistributionTest:
    """A stateful test: do the last WINDOW queries come from where benign ones come from?  Suspicion is the largest
    Kolmogorov-Smirnov distance over random projections (and the norm) between the window and the reference, benign
    queries [queries, features] that the owner has seen.
    """

    reference: Array
    projections: int = 32

    name: ClassVar[str] = "distribution_test"

    def suspicion(self, queries: Array, labels: Array) -> Array:
        """See Detector."""
        from scipy import stats

        rng = np.random.default_rng(0)
        mean, scale = self.reference.mean(axis=0), float(self.reference.std()) or 1.0
        along = rng.standard_normal((self.reference.shape[1], self.projections)) / np.sqrt(self.reference.shape[1])
        seen = [self._views((part - mean) / scale, along) for part in (self.reference, queries)]
        found = []
        for start in range(0, len(queries) - WINDOW + 1, WINDOW):
            part = seen[1][start : start + WINDOW]
            gaps = [stats.ks_2samp(part[:, k], seen[0][:, k]).statistic for k in range(part.shape[1])]
            found.append(max(gaps))
        return np.array(found)

    @staticmethod
    def _views(x: Array, along: Array) -> Array:
        return np.column_stack([x @ along, np.linalg.norm(x, axis=1), np.abs(np.diff(x, axis=1)).mean(axis=1)])


def threshold(suspicions: Sequence[Array], per_thousand: float) -> float:
    """The suspicion that another benign window exceeds with the probability that makes `per_thousand` alarms in a
    thousand queries: the k-th largest of n is exceeded by a further one of the same kind with probability k / (n + 1).
    Raises InputError where the streams hold too few windows for that.
    """
    pooled = np.sort(np.concatenate(list(suspicions)))[::-1]
    rank = int(per_thousand * WINDOW / 1_000 * (len(pooled) + 1) + 1e-9)
    if rank < 1:
        raise InputError(f"detectors need {fewest_queries(per_thousand):,} benign queries to set their threshold")
    return float(pooled[min(rank, len(pooled)) - 1])


def fewest_queries(per_thousand: float) -> int:
    """Benign queries without which a threshold at this false-alarm rate cannot be set."""
    return (int(np.ceil(1_000 / (per_thousand * WINDOW))) - 1) * WINDOW


def first_alarm(suspicion: Array, above: float) -> int | None:
    """After how many queries the alarm is raised; None for never."""
    over = np.flatnonzero(suspicion > above)
    return None if not len(over) else int((over[0] + 1) * WINDOW)


DETECTORS = ("prada", "distribution_test")


def detector(name: str, reference: Array) -> Detector:
    """A detector by name; raises InputError for an unknown one."""
    if name == Prada.name:
        return Prada()
    if name == DistributionTest.name:
        return DistributionTest(reference)
    raise InputError(f"detector {name!r} is unknown: choose from {', '.join(DETECTORS)}")
