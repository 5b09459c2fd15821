"""A column left out of a training, the form of the records staying as it is: every record has the same value there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array, digest
from divulge.core.recipe import Recipe
from divulge.core.records import Kind, Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task, closure


def blanked(records: Records, column: int, value: float) -> Records:
    """The records with one value in this column."""
    x = np.array(records.x)
    x[:, column] = value
    return replace(records, x=x)


def usual_value(records: Records, column: int) -> float:
    """The commonest category, or the median of numbers, as one of the numbers that occur."""
    values = records.x[:, column]
    if records.schema.columns[column].kind is Kind.CATEGORICAL:
        kinds, counts = np.unique(values, return_counts=True)
        return float(kinds[counts.argmax()])
    return float(np.quantile(values.astype(np.float64), 0.5, method="nearest"))


@dataclass(frozen=True, eq=False)
class BlankedTarget:
    """See core.target.Target: what is asked about is answered as if the column had the same value for everybody."""

    inner: Target
    column: int
    value: float

    @property
    def name(self) -> str:
        """See Target."""
        return f"{self.inner.name} without column {self.column}"

    @property
    def task(self) -> Task:
        """See Target."""
        return self.inner.task

    @property
    def offers(self) -> frozenset[Access]:
        """What an interface shows."""
        return self.inner.offers & closure({Access.SCORES})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access not in self.offers:
            raise TargetError(f"{self.name} has no port for {access.value}")
        return self.inner.answer(access, blanked(records, self.column, self.value))

    def fingerprint(self) -> str:
        """See Target."""
        return digest("blanked", self.inner.fingerprint(), str(self.column), repr(self.value))


@dataclass(frozen=True, eq=False)
class BlankedRecipe:
    """See core.recipe.Recipe."""

    inner: Recipe
    column: int
    value: float

    def train(self, records: Records, seed: int) -> Target:
        """See Recipe."""
        return self._of(self.inner.train(blanked(records, self.column, self.value), seed))

    def train_many(self, records: Records, keep: Array, seeds: Sequence[int]) -> Iterator[tuple[int, Target]]:
        """See Recipe."""
        for number, target in self.inner.train_many(blanked(records, self.column, self.value), keep, seeds):
            yield number, self._of(target)

    def _of(self, target: Target) -> Target:
        return BlankedTarget(target, self.column, self.value)

    def overfitted(self) -> Recipe:
        """See Recipe."""
        return BlankedRecipe(self.inner.overfitted(), self.column, self.value)

    def describe(self) -> str:
        """See Recipe."""
        return f"{self.inner.describe()}, without column {self.column}"

    def fingerprint(self) -> str:
        """See Recipe."""
        return digest("blanked", self.inner.fingerprint(), str(self.column), repr(self.value))
