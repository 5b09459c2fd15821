"""Where records of mixed columns stand, in numbers among which distances mean something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import CODED, Column, Kind, Records

WIDEST = 32
"""Categories of a column up to which each has an axis of its own; more share as many axes at random."""

CHUNK = 16 * 1024**2
"""Distances that are held at once."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One column.  middle, spread: of a quantity.  corners: [categories, axes], two different ones are 1 apart."""

    middle: float = 0.0
    spread: float = 1.0
    corners: Array | None = None
    holes: bool = False

    def of(self, numbers: Array) -> Array:
        """Positions [records, axes]."""
        if self.corners is not None:
            return np.asarray(self.corners[np.nan_to_num(numbers).astype(np.int64)])
        absent = np.isnan(numbers)
        known = np.where(absent, 0.0, (np.where(absent, 0.0, numbers) - self.middle) / self.spread)
        return np.column_stack([known, absent / np.sqrt(2)]) if self.holes else known[:, None]


@dataclass(frozen=True, eq=False)
class Space:
    """Quantities in units of their spread, categories at corners of a simplex: a quantity that is one standard
    deviation off and a category that is another count alike.  What is missing is a further axis.
    """

    axes: tuple[Axis, ...]
    images: bool = False

    @classmethod
    def around(cls, records: Records) -> Space:
        """The space of a schema, in the units of these records."""
        schema = records.schema
        if schema.is_image or len(schema.columns) != int(np.prod(records.x.shape[1:])):
            return cls((), images=True)
        axes = [_axis(column, records.x[:, place], place) for place, column in enumerate(schema.columns)]
        if schema.labeled:
            classes = len(schema.classes)
            y = records.y.astype(np.float64)
            axes.append(Axis(corners=_corners(classes, len(axes))) if classes else _quantity(y))
        return cls(tuple(axes))

    def points(self, records: Records, columns: Sequence[int] | None = None) -> Array:
        """Positions [records, axes].  columns: places of those that count; all when None, and the target with them
        where the records have one.
        """
        if self.images:
            flat: Array = np.asarray(records.x, dtype=np.float64).reshape(len(records), -1)
            return flat
        places = range(len(records.schema.columns)) if columns is None else columns
        parts = [self.axes[place].of(np.asarray(records.x[:, place], dtype=np.float64)) for place in places]
        if columns is None and records.schema.labeled:
            parts.append(self.axes[-1].of(records.y.astype(np.float64)))
        return np.concatenate(parts, axis=1)


def _axis(column: Column, numbers: Array, place: int) -> Axis:
    if column.kind in CODED:
        return Axis(corners=_corners(len(column.categories), place))
    if column.kind is Kind.BOOLEAN and not np.isnan(numbers).any():
        return Axis(corners=_corners(2, place))
    return _quantity(numbers)


def _quantity(numbers: Array) -> Axis:
    known = numbers[np.isfinite(numbers)]
    spread = float(known.std()) if len(known) else 0.0
    return Axis(float(known.mean()) if len(known) else 0.0, spread or 1.0, holes=len(known) < len(numbers))


def _corners(categories: int, seed: int) -> Array:
    """One a category: any two are at distance 1, or nearly so where there are many."""
    if categories <= WIDEST:
        return np.asarray(np.eye(max(categories, 1)) / np.sqrt(2))
    signs = np.random.default_rng(seed).integers(0, 2, (categories, WIDEST)) * 2.0 - 1.0
    return np.asarray(signs / np.sqrt(2 * WIDEST))


def squared_distances(points: Array, others: Array) -> Iterator[tuple[slice, Array]]:
    """Squared Euclidean distances [points of a chunk, others], chunk by chunk."""
    size = max(1, CHUNK // max(len(others), 1))
    lengths = (others**2).sum(axis=1)
    for start in range(0, len(points), size):
        part = points[start : start + size]
        apart = (part**2).sum(axis=1)[:, None] + lengths - 2 * part @ others.T
        yield slice(start, start + len(part)), np.maximum(apart, 0.0)


def nearest(points: Array, others: Array, neighbors: int) -> Array:
    """Distances to the nearest so many others, in order: [points, neighbors]; fewer where there are not as many."""
    return neighborhood(points, others, neighbors)[0]


def neighborhood(points: Array, others: Array, neighbors: int) -> tuple[Array, Array]:
    """Distances to the nearest so many others, in order, and which they are: [points, neighbors] each."""
    count = min(neighbors, len(others))
    found, places = np.empty((len(points), count)), np.empty((len(points), count), dtype=np.int64)
    for rows, apart in squared_distances(points, others):
        close = np.argpartition(apart, count - 1, axis=1)[:, :count]
        squared = np.take_along_axis(apart, close, axis=1)
        order = np.argsort(squared, axis=1, kind="stable")
        found[rows] = np.take_along_axis(squared, order, axis=1)
        places[rows] = np.take_along_axis(close, order, axis=1)
    found[found < 1e-12 * (1 + (points**2).sum(axis=1)[:, None])] = 0.0  # what subtraction leaves of nothing
    return np.asarray(np.sqrt(found)), places


def log_density(points: Array, others: Array, width: float) -> Array:
    """Mean of Gaussian kernels of this width at the others, in logarithm, up to a constant: [points]."""
    found = np.empty(len(points))
    for rows, apart in squared_distances(points, others):
        scaled = apart / (-2 * width**2)
        top = scaled.max(axis=1)
        found[rows] = top + np.log(np.exp(scaled - top[:, None]).mean(axis=1))
    return found


def width_of(points: Array, most: int = 2_000) -> float:
    """A kernel width for points in random order: half of the median distance from one to the nearest other, of the
    first `most`.  Records of few kinds, which mostly have equals, are asked about those that have none.
    """
    some = points[:most]
    if len(some) < 2:
        return 1.0
    apart = nearest(some, some, 2)[:, -1]
    apart = apart[apart > 0]
    return float(np.median(apart)) / 2 if len(apart) else 1.0


def gower_nearest(asked: Records, rows: Records, columns: Sequence[int], neighbors: int, target: bool = False) -> Array:
    """Which rows are nearest by Gower's distance (1971): [asked, neighbors].

    A category that is another counts 1, a quantity its difference in units of its range, and what is missing 0 beside
    what is missing and else 1: a column that was altered outweighs no column that was not.  target: whether the class
    counts as a column.
    """
    schema, count = asked.schema, min(neighbors, len(rows))
    pairs = [_gower_column(schema.columns[place].kind, asked.x[:, place], rows.x[:, place]) for place in columns]
    if target and schema.labeled:
        pairs.append(_gower_column(Kind.CATEGORICAL if len(schema.classes) else Kind.NUMERIC, asked.y, rows.y))
    found = np.empty((len(asked), count), dtype=np.int64)
    size = max(1, CHUNK // 4 // max(len(rows), 1))
    for start in range(0, len(asked), size):
        apart: Array = np.zeros((len(asked.x[start : start + size]), len(rows)), dtype=np.float32)
        for ours, theirs, quantity in pairs:
            gap = ours[start : start + size, None] - theirs[None]
            apart += np.nan_to_num(np.abs(gap), nan=1.0) if quantity else (gap != 0).astype(np.float32)
            if quantity:
                apart -= np.isnan(ours[start : start + size, None]) & np.isnan(theirs[None])
        close = np.argpartition(apart, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(apart, close, axis=1), axis=1, kind="stable")
        found[start : start + size] = np.take_along_axis(close, order, axis=1)
    return found


def _gower_column(kind: Kind, ours: Array, theirs: Array) -> tuple[Array, Array, bool]:
    """Values of either side, quantities in units of the range that they have together."""
    quantity = kind not in (*CODED, Kind.BOOLEAN)
    left: Array = np.asarray(ours, dtype=np.float64)
    right: Array = np.asarray(theirs, dtype=np.float64)
    if not quantity:
        codes = [np.nan_to_num(side, nan=-1.0).astype(np.float32) for side in (left, right)]
        return codes[0], codes[1], False
    both = np.concatenate([left, right])
    known = both[np.isfinite(both)]
    low, span = (float(known.min()), float(np.ptp(known)) or 1.0) if len(known) else (0.0, 1.0)
    return ((left - low) / span).astype(np.float32), ((right - low) / span).astype(np.float32), True
