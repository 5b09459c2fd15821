"""Tables drawn from noisy counts of pairs of columns: a small synthesizer with differential privacy.

Pairs along a tree, after McKenna, Miklau and Sheldon 2021 ("Winning the NIST contest", MST).  The tree and the bins are
chosen on public records, which costs no privacy, so that all of epsilon is spent on the counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import CODED, Records, Schema

BINS = 8
"""Of a quantity, with as many public records each."""

MOST_CATEGORIES = 32
"""Of a column; the others, the rarest in public, are counted together."""


@dataclass(frozen=True, eq=False)
class Bins:
    """One column in bins that the public records decide.  edges: between the bins of a quantity, whose last bin is
    what is missing; None for codes.  bin_of: of each code.  values: public values of each bin.
    """

    edges: Array | None
    bin_of: Array
    values: tuple[Array, ...]

    @classmethod
    def of(cls, column: Array, codes: int) -> Bins:
        """column: public numbers [records].  codes: how many there are; 0 for a quantity."""
        if codes:
            common = np.argsort(-np.bincount(column.astype(np.int64), minlength=codes), kind="stable")
            bin_of = np.full(codes, min(codes, MOST_CATEGORIES) - 1)
            bin_of[common[:MOST_CATEGORIES]] = np.arange(min(codes, MOST_CATEGORIES))
            values = tuple(np.flatnonzero(bin_of == each).astype(np.float64) for each in range(bin_of.max() + 1))
            return cls(None, bin_of, values)
        known = np.sort(column[np.isfinite(column)])
        if not len(known):
            return cls(np.zeros(0), np.zeros(0, dtype=np.int64), (np.array([np.nan]), np.array([np.nan])))
        edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="higher"))
        place = np.searchsorted(edges, known, side="right")
        parts = [known[place == each] for each in range(len(edges) + 1)]
        filled = [part if len(part) else known for part in parts]
        return cls(edges, np.zeros(0, dtype=np.int64), (*filled, np.array([np.nan])))

    @property
    def size(self) -> int:
        """How many bins there are."""
        return len(self.values)

    def place(self, column: Array) -> Array:
        """Bin of each number [records]."""
        if self.edges is None:
            return np.asarray(self.bin_of[column.astype(np.int64)])
        absent = ~np.isfinite(column)
        found = np.searchsorted(self.edges, np.where(absent, 0.0, column), side="right")
        return np.where(absent, self.size - 1, found)

    def drawn(self, places: Array, rng: Generator) -> Array:
        """A public value of each bin [records]."""
        found = np.empty(len(places))
        for each in np.unique(places):
            there = places == each
            found[there] = rng.choice(self.values[each], int(there.sum()))
        return found


def codes_of(schema: Schema, place: int) -> int:
    """How many codes a column has; 0 for a quantity."""
    column = schema.columns[place]
    return len(column.categories) if column.kind in CODED else 0


def geometric_noise(scale: float, size: tuple[int, ...], rng: Generator) -> Array:
    """Whole numbers with probability proportional to exp(-|k| / scale): the discrete Laplace mechanism (Ghosh et al.
    2009), which has none of the holes that floating point leaves in Laplace noise.
    """
    share = -np.expm1(-1 / scale)
    return np.asarray(rng.geometric(share, size) - rng.geometric(share, size))


def tree_of(binned: Array, sizes: list[int]) -> list[tuple[int, int]]:
    """(parent, child) of the tree over columns with the most mutual information (Chow and Liu 1968), root first."""
    columns = binned.shape[1]
    told = np.zeros((columns, columns))
    for a in range(columns):
        for b in range(a):
            joint = np.bincount(binned[:, a] * sizes[b] + binned[:, b], minlength=sizes[a] * sizes[b])
            share = joint.reshape(sizes[a], sizes[b]) / len(binned)
            apart = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
            seen = share > 0
            told[a, b] = told[b, a] = float((share[seen] * np.log(share[seen] / apart[seen])).sum())
    inside, edges = [0], []
    while len(inside) < columns:
        outside = [place for place in range(columns) if place not in inside]
        block = told[np.ix_(inside, outside)]
        best = np.unravel_index(int(block.argmax()), block.shape)
        edges.append((inside[int(best[0])], outside[int(best[1])]))
        inside.append(edges[-1][1])
    return edges


@dataclass(frozen=True, eq=False)
class NoisyMarginals:
    """Draws records from noisy counts.  epsilon: of pure differential privacy, where one record is replaced by
    another; public: records that cost nothing, which bins, values and the tree come from.

    Raises InputError where there are no columns, or epsilon is not above 0.
    """

    records: Records
    public: Records
    epsilon: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise InputError(f"noisy marginals: epsilon must be above 0, not {self.epsilon}")
        if self.public.schema.fingerprint() != self.records.schema.fingerprint() or self.records.x.ndim != 2:
            raise InputError("noisy marginals: give public records with the columns of the table")
        schema = self.records.schema
        tables = [self._table(each) for each in (self.public, self.records)]
        codes = [codes_of(schema, place) for place in range(len(schema.columns))]
        codes += [len(schema.classes)] if schema.labeled else []
        bins = [Bins.of(column, count) for column, count in zip(tables[0].T, codes, strict=True)]
        open_, closed = (np.stack([b.place(c) for b, c in zip(bins, t.T, strict=True)], axis=1) for t in tables)
        tree = tree_of(open_, [b.size for b in bins])
        object.__setattr__(self, "_bins", bins)
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "_counts", self._measured(closed, tree, bins))

    def _table(self, records: Records) -> Array:
        x = np.asarray(records.x, dtype=np.float64)
        return np.column_stack([x, records.y]) if records.schema.labeled else x

    def _measured(self, binned: Array, tree: list[tuple[int, int]], bins: list[Bins]) -> list[Array]:
        """Noisy counts of each pair, or of the one column.  A record that is replaced moves two counts of each by 1."""
        rng = np.random.default_rng(self.seed)
        found, scale = [], 2 * max(len(tree), 1) / self.epsilon
        pairs: list[tuple[int, int | None]] = [*tree] or [(0, None)]
        for parent, child in pairs:
            sizes = bins[parent].size, 1 if child is None else bins[child].size
            place = binned[:, parent] * sizes[1] + (0 if child is None else binned[:, child])
            exact = np.bincount(place, minlength=sizes[0] * sizes[1]).reshape(sizes)
            found.append(np.maximum(exact + geometric_noise(scale, sizes, rng), 0).astype(np.float64))
        return found

    @property
    def counts(self) -> list[Array]:
        """All that is known of the records: noisy counts of each pair of bins [parent, child], none below 0."""
        found: list[Array] = self.__dict__["_counts"]
        return found

    def draw(self, count: int, seed: int) -> Records:
        """So many records."""
        bins, tree, counts = (self.__dict__[name] for name in ("_bins", "_tree", "_counts"))
        rng = np.random.default_rng((self.seed, seed))
        places = np.zeros((count, len(bins)), dtype=np.int64)
        root = counts[0].sum(axis=1)
        places[:, 0] = rng.choice(len(root), count, p=_shares(root))
        for (parent, child), table in zip(tree, counts, strict=False):
            whole = table.sum(axis=0)
            for each in np.unique(places[:, parent]):
                there = places[:, parent] == each
                row = table[each] if table[each].sum() > 0 else whole
                places[there, child] = rng.choice(len(row), int(there.sum()), p=_shares(row))
        drawn = np.stack([b.drawn(places[:, place], rng) for place, b in enumerate(bins)], axis=1)
        schema = self.records.schema
        if not schema.labeled:
            return Records(drawn, np.zeros(count, dtype=np.int64), schema).settled()
        y = drawn[:, -1] if not schema.classes else drawn[:, -1].astype(np.int64)
        return Records(drawn[:, :-1], y, schema).settled()

    def sample(self, count: int, seed: int) -> Any:
        """The same as rows like those that were given: what a generator's target asks for."""
        made = self.draw(count, seed)
        return (made.native(), made.y) if made.schema.labeled else made.native()


def _shares(counts: Array) -> Array:
    return counts / counts.sum() if counts.sum() > 0 else np.full(len(counts), 1 / len(counts))
