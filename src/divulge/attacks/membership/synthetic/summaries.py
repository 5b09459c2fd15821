"""Attacks that look at a table as a whole: at its columns, or at how many of its records share values with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.generators import RECIPE, Signals, learned_ratio, signals_of
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import CODED, Records
from divulge.core.space import Space
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView

BINS = 10


def groundhog_features(table: Records, space: Space) -> Array:
    """What Stadler et al. read off a table: mean, median and variance of every axis (naive), the share of every bin
    (histogram), and the correlation of every two columns: one vector.
    """
    points = space.points(table)
    coded = np.stack([_level(column) for column in np.nan_to_num(table.x.reshape(len(table), -1)).T], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        together = np.nan_to_num(np.corrcoef(coded, rowvar=False)) if coded.shape[1] > 1 else np.zeros((1, 1))
    upper = together[np.triu_indices(len(together), 1)]
    shares = [np.histogram(column, bins=BINS, range=(-3, 3))[0] / len(points) for column in points.T]
    naive = [points.mean(axis=0), np.median(points, axis=0), points.var(axis=0)]
    return np.concatenate([*naive, *shares, upper])


def _level(column: Array) -> Array:
    """Ranks, which no unit moves."""
    return np.argsort(np.argsort(column, kind="stable"), kind="stable").astype(np.float64)


@dataclass(frozen=True)
class Groundhog:
    """For every record a classifier of its own, which learns from summaries of whole tables whether the record was
    behind one (Stadler et al. 2022).  Here the generators are shared by all records, so that a few dozen do for all;
    where the paper trains as many for each record, it finds more.

    shadows: generators, half of which saw each record.  penalty: of the ridge regression, in mean squared norms.
    """

    shadows: int = 16
    samples: int | None = None
    penalty: float = 1.0

    card: ClassVar[Card] = Card(
        name="groundhog",
        title="Summaries of whole tables (Groundhog)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="stadler2020",
        equations="section 4, naive, histogram and correlation features",
        summary="learns from means, shares and correlations of whole tables who was behind them",
        needs=RECIPE,
        models=4,
        strength=0.4,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, once of the release and of each generator."""
        space = Space.around(view.candidates)

        def read(table: Records) -> Array:
            return groundhog_features(table, space)[None]

        return MembershipGuess(by_summary(signals_of(view, self.shadows, self.samples, read), self.penalty))


def by_summary(signals: Signals, penalty: float) -> Array:
    """Ridge regression of who was seen on summaries of tables, one for each record and all at once: [candidates].

    signals: of one row each, the summary.
    """
    own, target = signals.shadows[:, 0], signals.target[0]
    middle, spread = own.mean(axis=0), own.std(axis=0)
    moving = spread > 1e-9 * (1 + np.abs(middle))
    inputs, asked = (own - middle)[:, moving] / spread[moving], ((target - middle)[moving] / spread[moving])
    kernel = inputs @ inputs.T
    size = float(np.trace(kernel)) / len(kernel) or 1.0
    truth = signals.seen - signals.seen.mean(axis=0)
    weights = np.linalg.solve(kernel + penalty * size * np.eye(len(kernel)), inputs @ asked)
    return np.asarray(weights @ truth)


@dataclass(frozen=True)
class QueryFeatures:
    """How many records of a table equal the one in question on random sets of columns, and what those counts tell,
    learned on one's own generators (the extended query attack of TAPAS, Houssiau et al. 2022).

    queries: sets of columns.  Quantities count as equal within a tenth of the candidates.
    """

    shadows: int = 16
    samples: int | None = None
    queries: int = 32

    card: ClassVar[Card] = Card(
        name="query_features",
        title="Counting queries about a record (TAPAS)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="houssiau2022",
        equations="section 4.2, query-based features",
        summary="counts synthetic records that share some of a record's values and learns what that tells",
        needs=RECIPE,
        models=4,
        strength=0.6,
        seconds=20.0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, once of the release and of each generator."""
        return MembershipGuess(learned_ratio(signals_of(view, self.shadows, self.samples, self._read(view))))

    def _read(self, view: MembershipView) -> Callable[[Records], Array]:
        edges = [_edges(view.candidates, place) for place in range(_flat(view.candidates).shape[1])]
        asked = _binned(_flat(view.candidates), edges)
        rng, width = np.random.default_rng(0), asked.shape[1]
        sizes = 1 + rng.integers(0, width, self.queries)
        sets = [np.sort(rng.permutation(width)[:size]) for size in sizes]

        def read(table: Records) -> Array:
            there = _binned(_flat(table), edges)
            counts = [_equal(asked[:, columns], there[:, columns]) for columns in sets]
            return np.log(np.stack(counts, axis=1) + 0.5)

        return read


def _flat(records: Records) -> Array:
    flat = np.asarray(records.x, dtype=np.float64).reshape(len(records), -1)
    return np.column_stack([flat, records.y]) if records.schema.labeled else flat


def _edges(records: Records, place: int) -> Array | None:
    """Where a quantity is cut; None for what is equal or not."""
    columns = records.schema.columns
    if place < len(columns) == records.x.reshape(len(records), -1).shape[1] and columns[place].kind in CODED:
        return None
    numbers = _flat(records)[:, place]
    known = numbers[np.isfinite(numbers)]
    return np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else None


def _binned(numbers: Array, edges: list[Array | None]) -> Array:
    """Whole numbers that are equal where values count as equal; what is missing equals what is missing."""
    columns = []
    for column, cuts in zip(numbers.T, edges, strict=True):
        known = column if cuts is None else np.searchsorted(cuts, np.nan_to_num(column), side="right")
        columns.append(np.where(np.isnan(column), -1, np.nan_to_num(known)).astype(np.int64))
    return np.stack(columns, axis=1)


def _equal(asked: Array, there: Array) -> Array:
    """How many rows of a table equal each that is asked about: [asked]."""
    _, place = np.unique(np.concatenate([asked, there]), axis=0, return_inverse=True)
    counts = np.bincount(place.ravel()[len(asked) :], minlength=int(place.max()) + 1)
    return counts[place.ravel()[: len(asked)]].astype(np.float64)
