"""A model that makes records: a sampler of synthetic data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divulge.core.errors import FOREIGN, InputError, TargetError, raised
from divulge.core.hashing import Array, digest
from divulge.core.records import CODED, Records, Schema
from divulge.core.threat import Access, Task

PROBE = 64
"""Records that a fingerprint is made of."""


class GeneratorTarget:
    """`sample(count, seed)` returns (x, y): x [count, ...] in the form of the records (an array coded as they are, or a
    data frame with their columns), y [count] class codes or class names.

    A generator answers no record: attacks that ask for labels or scores are refused.
    """

    cacheable = False
    """It may read what its fingerprint does not cover, so no later run relies on it."""

    def __init__(self, sample: Callable[[int, int], Any], name: str | None = None) -> None:
        maker = getattr(sample, "sample", sample)
        if not callable(maker):
            raise InputError("a generator is a function sample(count, seed), or an object with such a method")
        self._sample, self._name = maker, name or str(getattr(sample, "__name__", type(sample).__name__))

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return Task.CLASSIFICATION

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return frozenset({Access.SAMPLES})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target; a generator has no such port."""
        raise TargetError(
            f"the generator {self._name} makes records and answers none: it has no port for {access.value}"
        )

    def draw(self, count: int, seed: int, schema: Schema) -> Records:
        """So many generated records; raises TargetError where they are not of the schema's form."""
        try:
            x, y = self._sample(count, seed)
        except FOREIGN as error:  # foreign code: it may raise anything
            raise TargetError(f"the generator {self._name} failed: {raised(error)}") from error
        rows = _coded(self._name, x, schema)
        labels = _classes(self._name, np.asarray(y), schema)
        if len(rows) != count or len(labels) != count:
            raise TargetError(f"the generator {self._name} made {len(rows)} records instead of {count}")
        if np.isinf(rows).any() or (np.isnan(rows).any() and schema.form is None):
            raise TargetError(f"the generator {self._name} made records with NaN or infinite values")
        return Records(rows, labels, schema)

    def alike(self, sample: Any) -> GeneratorTarget:
        """Another generator of the same kind."""
        return GeneratorTarget(sample)

    def fingerprint(self) -> str:
        """Of a few samples."""
        try:
            x, y = self._sample(PROBE, 0)
            return digest("generator", np.asarray(x).astype(str), np.asarray(y).astype(str))
        except FOREIGN:  # foreign code: what is wrong is said when it is asked for records
            return digest("generator", self._name)


def _coded(name: str, x: Any, schema: Schema) -> Array:
    """As the records are: arrays as they come, frames column by column."""
    if not hasattr(x, "columns"):
        numbers = np.asarray(x, dtype=np.float64)
        columns = len(schema.columns)
        if not schema.is_image and numbers.ndim == 2 and numbers.shape[1] != columns:
            raise TargetError(f"the generator {name} made {numbers.shape[1]} columns, and the records have {columns}")
        return numbers
    lacking = [c.name for c in schema.columns if c.name not in x.columns]
    if lacking:
        raise TargetError(f"the generator {name} made no column {lacking[0]!r}")
    parts = []
    for column in schema.columns:
        values = np.asarray(x[column.name])
        if column.kind in CODED:
            codes = {str(value): code for code, value in enumerate(column.categories)}
            wrong = next((v for v in values if str(v) not in codes), None)
            if wrong is not None:
                raise TargetError(
                    f"the generator {name} made {str(wrong)!r} in column {column.name!r}: no record has it"
                )
            values = np.array([codes[str(v)] for v in values])
        parts.append(values.astype(np.float64))
    return np.stack(parts, axis=1)


def _classes(name: str, y: Array, schema: Schema) -> Array:
    codes = {str(c): k for k, c in enumerate(schema.classes)}
    if y.dtype.kind in "OUS":
        wrong = next((v for v in y if str(v) not in codes), None)
        if wrong is not None:
            raise TargetError(f"the generator {name} made the class {str(wrong)!r}, which no record has")
        return np.array([codes[str(v)] for v in y])
    found = y.astype(np.int64)
    if len(found) and not (found.min() >= 0 and found.max() < len(schema.classes)):
        raise TargetError(f"the generator {name} made class codes outside 0 to {len(schema.classes) - 1}")
    return found
