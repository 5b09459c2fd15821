"""A recipe for published counts: the same cells, counted among other records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array, digest
from divulge.core.mixed.counted import CellCounts, Condition
from divulge.core.records import CODED, Kind, Records

Cell = tuple[Condition, ...]

MOST_OWN = 2_000
"""Cells of single people."""


@dataclass(frozen=True)
class CountingRecipe:
    """like: counts whose tables are filled anew, without noise.  A table in which no empty cell is listed has the cells
    that are not empty, of whomever is counted.  each: whether everybody has a cell of their own too, of all columns
    that are counted anywhere.
    """

    like: CellCounts
    each: bool = False

    def fit(self, records: Records, seed: int) -> CellCounts:
        """Counts of these records; raises InputError for records that are no table."""
        if records.schema.is_image:
            raise InputError("counts are about columns of a table, and these records are images")
        x = np.asarray(records.x, dtype=np.float64)
        tables = [self._table(x, places) for places in self.like.tables().values()]
        cells = (*(cell for table in tables for cell in table), *(self._own(records, x) if self.each else ()))
        held = CellCounts(cells, np.zeros(len(cells))).holds(x).sum(axis=0).astype(np.float64)
        return CellCounts(cells, held / max(len(x), 1) if self.like.shares else held, self.like.shares)

    def _table(self, x: Array, places: list[int]) -> tuple[Cell, ...]:
        """Its cells: as they are where an empty one is among them, else those that these records fill."""
        listed = [self.like.cells[place] for place in places]
        if not listed[0] or any(self.like.values[place] <= 0 for place in places):
            return tuple(listed)
        by_column: dict[int, list[Condition]] = {}
        for cell in listed:
            for condition in cell:
                by_column.setdefault(condition.column, []).append(condition)
        bins, whole = [], np.ones(len(x), dtype=bool)
        for column, known in by_column.items():
            kinds = list(dict.fromkeys(known))
            if all(_is_value(kind) for kind in kinds):
                coded = kinds[0].codes is not None
                kinds = [_value(column, value, coded) for value in np.unique(x[np.isfinite(x[:, column]), column])]
            held = np.stack([kind.holds(x) for kind in kinds], axis=1)
            whole &= held.any(axis=1)
            bins.append((kinds, held.argmax(axis=1)))
        rows = np.unique(np.stack([where for _, where in bins], axis=1)[whole], axis=0)
        return tuple(tuple(kinds[at] for (kinds, _), at in zip(bins, row, strict=True)) for row in rows.tolist())

    def _own(self, records: Records, x: Array) -> tuple[Cell, ...]:
        """The cell of each distinct record."""
        places = sorted({c.column for cell in self.like.cells for c in cell}) or list(range(x.shape[1]))
        coded = [records.schema.columns[p].kind in (*CODED, Kind.BOOLEAN) for p in places]
        rows = np.unique(x[:, places], axis=0)
        rows = rows[np.random.default_rng(0).permutation(len(rows))[:MOST_OWN]]
        return tuple(
            tuple(_value(place, value, is_code) for place, is_code, value in zip(places, coded, row, strict=True))
            for row in rows[np.isfinite(rows).all(axis=1)].tolist()
        )

    def overfitted(self) -> CountingRecipe:
        """Counts that give everybody a cell of their own."""
        return CountingRecipe(self.like, each=True)

    def describe(self) -> str:
        """One line."""
        return f"the same {len(self.like.cells):,} cells, counted anew"

    def fingerprint(self) -> str:
        """Of the cells."""
        return digest("counting", repr(self.like.cells), str(self.each), str(self.like.shares))


def _is_value(condition: Condition) -> bool:
    """Whether it is about one value and no range."""
    return condition.low == condition.high if condition.codes is None else len(condition.codes) == 1


def _value(column: int, value: float, coded: bool) -> Condition:
    return (
        Condition(column, frozenset({float(value)})) if coded else Condition(column, None, float(value), float(value))
    )
