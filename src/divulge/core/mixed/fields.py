"""What a row of a table says, attribute by attribute, however many columns a model is given for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import CODED, Column, Kind, Records

TOLERANCE = 0.319
"""Standard deviations by which a quantity may be off and is told (Vero et al. 2023, section 5)."""


@dataclass(frozen=True)
class TableField:
    """One attribute.  places: its columns, several where every category has an indicator of its own.

    values: how many categories it has, 0 for a quantity.  low, high: of each column: what stands for no and for yes, or
    the range of a quantity.  tolerance: by how much a quantity may be off and still be told.  code: whether its column
    holds the places of categories, which mean nothing as numbers.
    """

    places: tuple[int, ...]
    values: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    tolerance: float = 0.0
    code: bool = False

    @property
    def varies(self) -> bool:
        """Whether it has another value in one record than in another of the population."""
        return any(b > a for a, b in zip(self.low, self.high, strict=True))

    def told(self, x: Array) -> Array:
        """Of rows [records, columns] the category, by the strongest indicator, or the number: [records]."""
        part = np.nan_to_num(np.asarray(x, dtype=np.float64)[:, list(self.places)])
        if not self.values:
            return np.asarray(part[:, 0])
        width = np.maximum(np.subtract(self.high, self.low), 1e-12)
        share = (part - np.asarray(self.low)) / width
        if len(self.places) > 1:
            return np.asarray(share.argmax(axis=1))
        return np.asarray(np.clip(np.round(share[:, 0] * (self.values - 1)), 0, self.values - 1).astype(np.int64))

    def written(self, told: Array) -> Array:
        """The columns [records, places] of categories or numbers [records]."""
        if not self.values:
            return np.asarray(told, dtype=np.float64)[:, None]
        low, width = np.asarray(self.low), np.subtract(self.high, self.low)
        if len(self.places) > 1:
            return np.asarray(low + np.eye(self.values)[np.asarray(told, dtype=np.int64)] * width)
        return np.asarray(low + np.asarray(told)[:, None] / max(self.values - 1, 1) * width)

    def right(self, truth: Array, guess: Array) -> Array:
        """Whether what is told of guessed rows is what is told of the true ones: bool [records]."""
        own, other = self.told(truth), self.told(guess)
        return np.asarray(own == other if self.values else np.abs(own - other) <= self.tolerance)


def fields_of(public: Records) -> tuple[TableField, ...]:
    """The attributes of a table: columns of codes, runs of indicator columns of which one is on in every record,
    columns of two values, and quantities.  None for images, texts and tables of quantities alone.

    public: records of the population, by which runs are seen, and the range and spread of quantities.
    """
    x, columns = public.x, public.schema.columns
    if public.schema.is_image or public.schema.opaque or x.ndim != 2 or len(columns) != x.shape[1]:
        return ()
    rows = public.flat()
    on = [_indicator(column, rows[:, place]) for place, column in enumerate(columns)]
    found: list[TableField] = []
    place = 0
    while place < len(columns):
        end = _run(on, place)
        found.append(_field(columns, rows, on, range(place, end)))
        place = end
    # a pixel that takes two values alone makes no table of a picture
    return tuple(found) if any(field.code or len(field.places) > 1 for field in found) else ()


def right_in(fields: Sequence[TableField], truth: Array, guess: Array) -> Array:
    """Which attributes of each record are guessed rightly: bool [records, fields]; none where there is no guess."""
    there = np.isfinite(np.asarray(guess, dtype=np.float64)).all(axis=1)
    return np.stack([field.right(truth, guess) & there for field in fields], axis=1)


def commonest(fields: Sequence[TableField], public: Array) -> Array:
    """The row that is right most often, attribute by attribute: [columns].  Of a quantity the value with most records
    within the tolerance.
    """
    row = np.zeros(public.shape[1])
    for field in fields:
        told = field.told(public)
        if field.values:
            best = float(np.bincount(told, minlength=field.values).argmax())
        else:
            ordered = np.sort(told)
            covered = np.searchsorted(ordered, ordered + 2 * field.tolerance, side="right") - np.arange(len(ordered))
            best = float(min(ordered[covered.argmax()] + field.tolerance, field.high[0]))
        row[list(field.places)] = field.written(np.array([best]))[0]
    return row


def _indicator(column: Column, values: Array) -> Array | None:
    """In which records a column of two numbers has the larger one, none of one number; None for any other."""
    if column.kind not in (Kind.NUMERIC, Kind.BOOLEAN):
        return None
    levels = np.unique(values[:1000])
    if len(levels) > 2 or len(levels := np.unique(values)) > 2:
        return None
    return np.asarray((values == levels[-1]) & (len(levels) == 2))


def _run(on: Sequence[Array | None], start: int) -> int:
    """Where a run of indicators ends that begins here, with those that are on nowhere; one on where none does."""
    total: Array | int = 0
    for place in range(start, len(on)):
        here = on[place]
        if here is None:
            break
        total = total + here.astype(np.int64)
        if total.max() > 1:
            break
        if total.min() == 1:
            return _over(on, place + 1)
    return start + 1


def _over(on: Sequence[Array | None], place: int) -> int:
    """Beyond the columns that are on nowhere: categories that no record of the population has."""
    while place < len(on) and (here := on[place]) is not None and not here.any():
        place += 1
    return place


def _field(columns: Sequence[Column], rows: Array, on: Sequence[Array | None], places: range) -> TableField:
    part = rows[:, places.start : places.stop]
    low, high = tuple(map(float, part.min(axis=0))), tuple(map(float, part.max(axis=0)))
    column = columns[places.start]
    if column.kind in CODED:
        count = len(column.categories)
        return TableField((places.start,), count, (0.0,), (float(max(count - 1, 0)),), code=True)
    if len(places) > 1:
        high = tuple(b if b > a else a + 1.0 for a, b in zip(low, high, strict=True))
        return TableField(tuple(places), len(places), low, high)
    if on[places.start] is not None and high > low:
        return TableField((places.start,), 2, low, high)
    return TableField((places.start,), 0, low, high, TOLERANCE * float(part.std()))
