"""How many records of a table share some values with one (TAPAS, Houssiau et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.generator import RECIPE, learned_ratio, signals_of
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import CODED, Records
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView

BINS = 10


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
