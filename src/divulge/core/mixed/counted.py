"""Counts of people that were published: which records each cell counts, and the number that stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array


@dataclass(frozen=True)
class Condition:
    """What is true of a record in one column: a number within bounds, or one of these codes.

    column: its place.  codes: of a category; None for a number.  low, high: the bounds of a number.  open_low,
    open_high: whether a bound itself is left out.
    """

    column: int
    codes: frozenset[float] | None = None
    low: float = -np.inf
    high: float = np.inf
    open_low: bool = False
    open_high: bool = False

    def holds(self, x: Array) -> Array:
        """Of which records [records, columns] it is true: bool [records]."""
        values = np.asarray(x[:, self.column], dtype=np.float64)
        if self.codes is not None:
            return np.isin(values, list(self.codes))
        above = values > self.low if self.open_low else values >= self.low
        below = values < self.high if self.open_high else values <= self.high
        return np.asarray(above & below)


@dataclass(frozen=True, eq=False)
class CellCounts:
    """cells: of each the conditions that all hold of whom it counts; none for everybody.  values: [cells], numbers of
    people, or shares of all of them.
    """

    cells: tuple[tuple[Condition, ...], ...]
    values: Array
    shares: bool = False

    def holds(self, x: Array) -> Array:
        """Who is counted where: bool [records, cells]."""
        return self._places(x, [tuple(cell) for cell in self.cells])

    def known(self, x: Array, column: int) -> Array:
        """Who may be counted where by all columns but this one: bool [records, cells]."""
        return self._places(x, [tuple(c for c in cell if c.column != column) for cell in self.cells])

    def _places(self, x: Array, cells: Sequence[tuple[Condition, ...]]) -> Array:
        held: dict[Condition, Array] = {}
        found = np.ones((len(x), len(cells)), dtype=bool)
        for place, cell in enumerate(cells):
            for condition in cell:
                if condition not in held:
                    held[condition] = condition.holds(x)
                found[:, place] &= held[condition]
        return found

    def tables(self) -> dict[tuple[int, ...], list[int]]:
        """The places of the cells of each table: cells about the same columns, in the order of the first of each."""
        found: dict[tuple[int, ...], list[int]] = {}
        for place, cell in enumerate(self.cells):
            found.setdefault(tuple(sorted({c.column for c in cell})), []).append(place)
        return found

    def people(self, usual: int) -> float:
        """How many people were counted: as a cell says that counts everybody, else `usual`."""
        whole = [value for cell, value in zip(self.cells, self.values, strict=True) if not cell]
        return float(whole[0]) if whole and not self.shares and whole[0] >= 1 else float(max(usual, 1))

    def as_shares(self, usual: int) -> Array:
        """Shares of all people [cells], from 0 to 1 whatever noise made of them."""
        shares = self.values if self.shares else self.values / self.people(usual)
        return np.clip(np.asarray(shares, dtype=np.float64), 0.0, 1.0)

    def as_numbers(self, usual: int) -> Array:
        """Numbers of people [cells]."""
        return np.asarray(self.values * self.people(usual) if self.shares else self.values, dtype=np.float64)
