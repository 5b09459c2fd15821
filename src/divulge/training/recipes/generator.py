"""A recipe for generators: the owner's function from a table to a generator."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.errors import FOREIGN, TargetError, raised
from divulge.core.hashing import Array, digest
from divulge.core.identity import content_hash
from divulge.core.records import Records


@dataclass(frozen=True)
class Replay:
    """The easiest case: a generator that gives the table again that it was made of, rows drawn with replacement.

    x: [records, ...], rows as they were given.  y: [records] class codes; None for a table alone.
    """

    x: Any
    y: Array | None = None

    def sample(self, count: int, seed: int) -> Any:
        """So many of its rows."""
        rows = np.random.default_rng(seed).integers(len(self.x), size=count)
        x = self.x.iloc[rows] if hasattr(self.x, "iloc") else self.x[rows]
        return x if self.y is None else (x, self.y[rows])


@dataclass(frozen=True)
class ReplayRecipe:
    """Makes no generator but the training table itself: what controls of releases are made with."""

    def fit(self, records: Records, seed: int) -> Any:
        """The table, to be drawn from."""
        return Replay(records.native(), records.y)

    def overfitted(self) -> ReplayRecipe:
        """There is no easier case."""
        return self

    def describe(self) -> str:
        """One line."""
        return "its own rows again"

    def fingerprint(self) -> str:
        """Of nothing but its kind."""
        return digest("replay")


@dataclass(frozen=True)
class GeneratorRecipe:
    """`fit_table(table, seed)` returns a generator; table: rows as they were given, the target among the columns of a
    data frame where the records have one, or the last column of an array.
    """

    fit_table: Callable[[Any, int], Any]

    def fit(self, records: Records, seed: int) -> Any:
        """What the function returns; whatever it raises becomes TargetError."""
        try:
            return self.fit_table(whole_table(records), seed)
        except FOREIGN as error:  # the user's own code: it may raise anything
            raise TargetError(f"fitting by {self.describe()} failed: {raised(error)}") from error

    def overfitted(self) -> ReplayRecipe:
        """The generator that gives its training rows again."""
        return ReplayRecipe()

    def describe(self) -> str:
        """The function's name."""
        return f"{getattr(self.fit_table, '__name__', type(self.fit_table).__name__)}(table, seed)"

    def fingerprint(self) -> str:
        """Of the function's code and of what it holds, as it was when first asked for."""
        known = self.__dict__.get("_fingerprint")
        if known is None:
            known = digest(self.describe(), content_hash(self.fit_table))
            object.__setattr__(self, "_fingerprint", known)
        return str(known)


def whole_table(records: Records) -> Any:
    """Rows as they were given, with the target as a further column where the records have one."""
    native, schema = records.native(), records.schema
    if not schema.labeled:
        return native
    classes = np.asarray(schema.classes, dtype=object)
    y = records.y if not len(classes) else np.array(classes[records.y].tolist())
    if hasattr(native, "assign"):
        return native.assign(**{schema.target: y})
    codes = records.y if y.dtype.kind in "OUS" else y
    return np.column_stack([np.asarray(native).reshape(len(records), -1), codes])


def fits_tables(function: Any) -> bool:
    """Whether a function takes a table and a seed, and not x, y and a seed."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len([p for p in positional if p.default is p.empty]) == 2 or len(positional) == 2
