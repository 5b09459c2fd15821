"""A released table of synthetic records: all that most adversaries ever get."""

from __future__ import annotations

from typing import Any

import numpy as np

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records, Schema
from divulge.core.threat import Access, Task
from divulge.targets.generated import records_of


class SyntheticTable:
    """table: a data frame or an array with the columns of the real records; a pair (x, y) where they have a target.

    Whoever asks for more records than it has gets all of it.
    """

    cacheable = True

    def __init__(self, table: Any, name: str | None = None) -> None:
        first = table[0] if isinstance(table, tuple) and len(table) == 2 else table
        if not hasattr(first, "__len__") or not hasattr(first, "shape"):
            raise InputError(f"a synthetic table is a data frame or an array, not a {type(table).__name__}")
        if len(first) == 0:
            raise InputError("the synthetic table has no records")
        self.table, self._name = table, name or "synthetic table"
        self._rows: dict[str, Records] = {}

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
        """See Target; a table has no such port."""
        raise TargetError(f"{self._name} is a table of records and answers none: it has no port for {access.value}")

    def rows(self, schema: Schema) -> Records:
        """All of its rows; raises TargetError where they are not of the schema's form."""
        key = schema.fingerprint()
        if key not in self._rows:
            self._rows[key] = records_of(self.table, schema, self._name)
        return self._rows[key]

    def draw(self, count: int, seed: int, schema: Schema) -> Records:
        """So many of its rows at random, or all of them; raises TargetError where they are not of the schema's form."""
        rows = self.rows(schema)
        if count >= len(rows):
            return rows
        return rows.take(np.random.default_rng(seed).permutation(len(rows))[:count])

    def alike(self, sample: Any) -> Any:
        """A target of a generator like the one that wrote this table."""
        from divulge.targets.generator import GeneratorTarget

        return GeneratorTarget(sample)

    def fingerprint(self) -> str:
        """Of its content."""
        known = self.__dict__.get("_fingerprint")
        if known is None:
            self._fingerprint = known = digest("synthetic table", *_parts(self.table))
        return str(known)


def _parts(table: Any) -> list[Any]:
    """What a table is told by: names and values, as text, since types of cells differ between versions of pandas."""
    if isinstance(table, tuple):
        return [part for piece in table for part in _parts(piece)]
    if not hasattr(table, "columns"):
        return [np.asarray(table).astype(str)]
    parts: list[Any] = [repr(list(map(str, table.columns)))]
    return parts + [_as_text(np.asarray(table.iloc[:, place].astype(object))) for place in range(table.shape[1])]


def _as_text(values: Any) -> Any:
    """Cells as text; of several values in a cell, which are refused later, by what they look like."""
    try:
        return values.astype(str)
    except ValueError:
        return np.array([repr(value) for value in values])
