"""Small generators of synthetic tables, for demonstrations, benchmarks and tests: each is `fit(table, seed)`.

They are made to be attacked and not to be used: a Gaussian copula, which keeps two-way dependence only; trees, leaf by
leaf (CART, as in synthpop); a Bayesian network over pairs of columns, which is a tree; interpolation between neighbours
(SMOTE); the rows themselves (bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.core.hashing import Array
from divulge.training.recipes.noisy_marginals import Bins, tree_of

if TYPE_CHECKING:
    import pandas as pd

LEAF = 5
"""Rows in a leaf of a tree at least."""

NEIGHBORS = 5
"""Among which an interpolation finds its second end."""


@dataclass(frozen=True)
class CodedColumn:
    """A column as numbers: quantities as they are, other values as places among `values`; a missing one is a value."""

    name: Any
    dtype: Any
    values: Array | None
    fill: float = 0.0

    def coded(self, column: pd.Series[Any]) -> Array:
        """Numbers [rows], NaN only for missing quantities."""
        if self.values is None:
            return _quantities(column)
        place = {value: code for code, value in enumerate(map(str, self.values.tolist()))}
        return np.array([place[str(value)] for value in column.astype(object).tolist()], dtype=float)

    def decoded(self, numbers: Array) -> Any:
        """The column again, with the type that it had."""
        import pandas as pd

        if self.values is not None:
            return pd.Series(self.values[numbers.astype(int)], dtype=object).astype(self.dtype)
        if self.dtype.kind in "mM":
            whole = np.where(np.isnan(numbers), 0, numbers).round().astype("int64")
            unit = np.datetime_data(self.dtype)[0] if isinstance(self.dtype, np.dtype) else "ns"
            return pd.Series(whole.astype(f"{self.dtype.kind}8[{unit}]")).mask(np.isnan(numbers)).astype(self.dtype)
        return pd.Series(numbers.round() if self.dtype.kind in "iu" else numbers).astype(self.dtype)


def _quantities(column: pd.Series[Any]) -> Array:
    if column.dtype.kind in "mM":
        return np.where(column.isna(), np.nan, column.to_numpy().astype("int64").astype(float))
    return column.to_numpy(dtype=float, na_value=np.nan)


def _columns(table: pd.DataFrame) -> list[CodedColumn]:
    columns = []
    for name in table.columns:
        values = table[name]
        if values.dtype.kind in "fiumM" and isinstance(values.dtype, np.dtype):
            numbers = _quantities(values)
            known = numbers[~np.isnan(numbers)]
            columns.append(CodedColumn(name, values.dtype, None, float(np.median(known)) if len(known) else 0.0))
        else:
            first: dict[str, Any] = {}
            for value in values.astype(object).tolist():
                first.setdefault(str(value), value)
            pool = np.empty(len(first), dtype=object)
            pool[:] = [first[word] for word in sorted(first)]
            columns.append(CodedColumn(name, values.dtype, pool))
    return columns


@dataclass
class Synthesizer:
    """Rows [count, columns] of numbers from a generator of chance, and what they stand for."""

    columns: list[CodedColumn]
    rows: Callable[[int, np.random.Generator], Array]
    parts: dict[str, Any] = field(default_factory=dict)

    def sample(self, count: int, seed: int) -> pd.DataFrame:
        """A table of so many rows."""
        import pandas as pd

        numbers = self.rows(count, np.random.default_rng(seed))
        return pd.DataFrame({c.name: c.decoded(numbers[:, place]) for place, c in enumerate(self.columns)})


def coded_table(table: pd.DataFrame) -> tuple[list[CodedColumn], Array]:
    """The columns of a table, and its rows as numbers [rows, columns]."""
    columns = _columns(table)
    return columns, np.stack([c.coded(table[c.name]) for c in columns], axis=1)


def bootstrap(table: pd.DataFrame, seed: int) -> Synthesizer:
    """The rows themselves, drawn with replacement."""
    columns, numbers = coded_table(table)
    return Synthesizer(columns, lambda count, rng: numbers[rng.integers(len(numbers), size=count)])


def gaussian_copula(table: pd.DataFrame, seed: int) -> Synthesizer:
    """Normal scores of ranks, their correlations, and the marginals as they are observed."""
    from scipy import special

    columns, numbers = coded_table(table)
    rng, count = np.random.default_rng(seed), len(numbers)
    shown = np.sort(numbers, axis=0)  # what is missing stands last
    ranks = np.stack([_ranks(column, rng) for column in numbers.T], axis=1)
    scores = special.ndtri((ranks + 0.5) / count)
    correlation = np.nan_to_num(np.corrcoef(scores, rowvar=False)).reshape(len(columns), -1)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))

    def rows(number: int, chance: np.random.Generator) -> Array:
        drawn = special.ndtr(chance.normal(size=(number, len(columns))) @ root.T)
        places = np.minimum((drawn * count).astype(int), count - 1)
        return np.take_along_axis(shown, places, axis=0)

    return Synthesizer(columns, rows)


def _ranks(column: Array, rng: np.random.Generator) -> Array:
    """0 to n - 1, equal values in random order."""
    order = np.lexsort((rng.random(len(column)), column))
    ranks = np.empty(len(column))
    ranks[order] = np.arange(len(column))
    return ranks


def cart(table: pd.DataFrame, seed: int, leaf: int = LEAF) -> Synthesizer:
    """CodedColumn after column from a tree on those before it: a value is one of those in the leaf."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    columns, numbers = coded_table(table)
    known = np.where(np.isnan(numbers), [c.fill for c in columns], numbers)
    trees = []
    for place in range(1, len(columns)):
        kind = DecisionTreeRegressor if columns[place].values is None else DecisionTreeClassifier
        tree = kind(min_samples_leaf=leaf, random_state=seed % 2**32).fit(known[:, :place], known[:, place])
        reached = tree.apply(known[:, :place])
        trees.append((tree, {end: numbers[reached == end, place] for end in np.unique(reached)}))

    def rows(count: int, rng: np.random.Generator) -> Array:
        drawn, plain = np.empty((count, len(columns))), np.empty((count, len(columns)))
        drawn[:, 0] = numbers[rng.integers(len(numbers), size=count), 0]
        plain[:, 0] = np.where(np.isnan(drawn[:, 0]), columns[0].fill, drawn[:, 0])
        for place, (tree, ends) in enumerate(trees, start=1):
            reached = tree.apply(plain[:, :place])
            for end in np.unique(reached):
                there = np.flatnonzero(reached == end)
                drawn[there, place] = rng.choice(ends[end], len(there))
            plain[:, place] = np.where(np.isnan(drawn[:, place]), columns[place].fill, drawn[:, place])
        return drawn

    return Synthesizer(columns, rows)


def bayesian_network(table: pd.DataFrame, seed: int) -> Synthesizer:
    """A tree over the columns (Chow and Liu 1968), each in the bins of its own values: a bin is drawn from those that
    the rows have beside the parent's, and in it a value that a row has.
    """
    columns, numbers = coded_table(table)
    bins = [Bins.of(x, 0 if c.values is None else len(c.values)) for c, x in zip(columns, numbers.T, strict=True)]
    places = np.stack([b.place(x) for b, x in zip(bins, numbers.T, strict=True)], axis=1)
    tree = tree_of(places, [b.size for b in bins])

    def rows(count: int, rng: np.random.Generator) -> Array:
        found = np.empty((count, len(columns)), dtype=np.int64)
        found[:, 0] = places[rng.integers(len(places), size=count), 0]
        for parent, child in tree:
            for each in np.unique(found[:, parent]):
                there = np.flatnonzero(found[:, parent] == each)
                found[there, child] = rng.choice(places[places[:, parent] == each, child], len(there))
        return np.stack([b.drawn(found[:, place], rng) for place, b in enumerate(bins)], axis=1)

    return Synthesizer(columns, rows)


def smote(table: pd.DataFrame, seed: int, neighbors: int = NEIGHBORS) -> Synthesizer:
    """Between a row and one of its neighbours: quantities in proportion, other values of one or the other."""
    from sklearn.neighbors import NearestNeighbors

    columns, numbers = coded_table(table)
    known = np.where(np.isnan(numbers), [c.fill for c in columns], numbers)
    blocks = [
        (column[:, None] - column.mean()) / (column.std() or 1.0)
        if each.values is None
        else np.eye(len(each.values))[column.astype(int)] / np.sqrt(2)
        for each, column in zip(columns, known.T, strict=True)
    ]
    space = np.concatenate(blocks, axis=1)
    near = NearestNeighbors(n_neighbors=min(neighbors + 1, len(space))).fit(space).kneighbors(space)[1][:, 1:]
    quantity = np.array([c.values is None for c in columns])

    def rows(count: int, rng: np.random.Generator) -> Array:
        one = rng.integers(len(numbers), size=count)
        other = near[one, rng.integers(near.shape[1], size=count)]
        share = rng.random((count, 1))
        between = numbers[one] + share * (numbers[other] - numbers[one])
        picked = np.where(rng.random((count, len(columns))) < share, numbers[other], numbers[one])
        return np.where(quantity & ~np.isnan(between), between, picked)

    return Synthesizer(columns, rows)
