"""What samples of a generator tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom
from sklearn.mixture import GaussianMixture

from divulge.core.hashing import Array
from divulge.core.property_expression import columns_of
from divulge.core.records import Records
from divulge.data.sources import census_income
from divulge.games.properties import PropertyGame, PropertyPlan
from divulge.targets.generator import GeneratorTarget
from harness import Row
from properties.playing import FEW, SIZE, VALUES, WOMEN, accuracy, coded, error, fact_of, played, sides


@dataclass
class Mixture:
    """A generator: a mixture of Gaussians over inputs and class."""

    model: GaussianMixture

    def sample(self, count: int, seed: int) -> tuple[Array, Array]:
        self.model.random_state = seed % 2**31
        rows = self.model.sample(count)[0]
        return rows[:, :-1], (rows[:, -1] > 0.5).astype(int)


@dataclass
class Again:
    """A generator that gives its own training records again."""

    records: Records

    def sample(self, count: int, seed: int) -> tuple[Array, Array]:
        rows = np.random.default_rng(seed).integers(len(self.records), size=count)
        return self.records.x[rows], self.records.y[rows]


def mixture(records: Records, seed: int) -> Mixture:
    model = GaussianMixture(10, covariance_type="diag", reg_covar=1e-3, random_state=seed % 2**31)
    return Mixture(model.fit(np.column_stack([records.x, records.y])))


def generators(quick: bool) -> Iterator[Row]:
    """What samples tell, and what the best of all guessers could make of few samples of one's own records."""
    records = census_income()
    records = records.take(np.arange(FEW)) if quick else records
    x, columns = coded(records), columns_of(records)
    halves = sides(x, columns, 0)

    def raised(train: Callable[[Records, int], Any]) -> Any:
        def models(records: Records, keep: Array, seeds: Sequence[int]) -> list[Any]:
            return [GeneratorTarget(train(records.take(row), s)) for row, s in zip(keep, seeds, strict=True)]

        return models

    def dealt(train: Callable[[Records, int], Any], victims: int, shadows: int) -> PropertyGame:
        plan = PropertyPlan((WOMEN,), VALUES, victims, shadows, 400 if quick else SIZE, 500 if quick else 4_000)
        return PropertyGame(None, *halves, None, raised(train), 0, plan)  # type: ignore[arg-type]

    counts = (24, 24) if quick else (96, 64)
    found = played(dealt(mixture, *counts), "property_samples", "synthetic-data")
    yield accuracy("women, samples of a mixture of Gaussians", [found], 0)
    yield accuracy("women, samples of a mixture of Gaussians", [found], 2)
    yield error("women, samples of a mixture of Gaussians", [found])
    few = dealt(lambda part, seed: Again(part), *((150, 64) if quick else (900, 256)))
    for samples in (3, 10):
        found = played(few, "property_samples", "synthetic-data", samples=samples)
        low, high = fact_of(found).pairs[2]
        best = max(binom.cdf(t, samples, low) + binom.sf(t, samples, high) for t in range(samples)) / 2
        yield accuracy(f"women, {samples} training records given again", [found], 2)
        yield Row("  Bayes-optimal: right", float(best))
