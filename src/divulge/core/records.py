"""Records and their schema: what a data set is to divulge."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

import numpy as np

from divulge.core.errors import Impossible, InputError
from divulge.core.hashing import AT_ONCE, Array, digest, row_digests
from divulge.core.threat import Task


class Kind(Enum):
    """What a column holds."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    CATEGORICAL = "categorical"
    IMAGE = "image"
    TEXT = "text"
    TOKENS = "tokens"
    OPAQUE = "opaque"


UNLABELED = ("record",)
"""The classes of records that have no target: all are of one."""

CODED = frozenset({Kind.CATEGORICAL, Kind.TEXT, Kind.TOKENS, Kind.OPAQUE})
"""Kinds whose number in `Records.x` is the place of a value among `Column.categories`, and means nothing else."""


@dataclass(frozen=True)
class Column:
    """One column.

    categories: the values behind the codes 0, 1, ... of a column of a coded kind, as the user gave them (a missing
    value of such a column is a category too).  dtype: what the user's table called its type.  fill: what stands for a
    missing number where divulge itself needs one.
    """

    name: str
    kind: Kind = Kind.NUMERIC
    categories: tuple[Any, ...] = ()
    sensitive: bool = False
    dtype: str = ""
    fill: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether it takes whole numbers only: codes, truth values, and what its owner's table called integers."""
        name = self.dtype.lower()
        integers = name.startswith(("int", "uint")) or name.endswith("of int")
        return self.kind in CODED or self.kind is Kind.BOOLEAN or (self.kind is Kind.NUMERIC and integers)

    def settled(self, numbers: Array) -> Array:
        """Made-up numbers [records] as the column can hold them: whole, and in range; a missing one stays missing."""
        if not self.whole:
            return numbers
        low, high = -np.inf, np.inf
        if self.kind in CODED:
            low, high = 0, max(len(self.categories) - 1, 0)
        elif self.kind is Kind.BOOLEAN:
            low, high = 0, 1
        elif not self.dtype.endswith("of int"):
            limits = np.iinfo(self.dtype.lower().split("[")[0])
            low, high = limits.min, limits.max
        return np.clip(np.round(numbers), low, high)

    def word(self, number: float) -> str:
        """One of its numbers as a report has it: a category as its owner writes it, a time in ISO form."""
        if not np.isfinite(number):
            return "missing"
        if self.categories:
            value = self.categories[int(np.clip(round(float(number)), 0, len(self.categories) - 1))]
            return "missing" if missing(value) else str(value)
        if self.kind is Kind.BOOLEAN:
            return str(bool(number >= 0.5))
        if self.kind is Kind.DATETIME and not self.dtype.startswith("timedelta"):
            return str(np.datetime64(round(float(number)), "s")).replace("T00:00:00", "").replace("T", " ")
        return f"{float(number):.4g}"


def missing(value: Any) -> bool:
    """Whether one value of a table is none: None, NaN, NaT, NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


class Given(Protocol):
    """Records as the user gave them: a data frame, an array, a sparse matrix, a tensor, a list of texts."""

    @property
    def value(self) -> Any:
        """The very object, or rows of it, with types unchanged."""
        ...

    def lent(self) -> Any:
        """The same rows to be handed to a model, which may write into them."""
        ...

    def take(self, index: Array) -> Given:
        """The rows at these positions (integers, a mask or a slice)."""
        ...

    def joined(self, others: Sequence[Given]) -> Given:
        """These rows, then the others'."""
        ...

    def fingerprint(self) -> str:
        """Content hash of what the numbers and the schema do not tell: the types."""
        ...


class Form(Protocol):
    """The way between records as the user gave them and the numbers of `Records.x`."""

    def decoded(self, x: Array, schema: Schema) -> Any:
        """Rows of numbers as such records again, types included: what a target is asked about in records that divulge
        made itself.
        """
        ...

    def features(self, records: Records) -> Array:
        """Numbers for divulge's own use: [records, features], finite, missing values told; see Records.features."""
        ...

    def fingerprint(self) -> str:
        """Of everything that decides the two."""
        ...


@dataclass(frozen=True)
class Schema:
    """What the columns of `Records.x` and the target mean.

    classes: the labels behind the codes of `Records.y` (classification only).
    framed: the records came from a table with column names, so models that take data frames get one.
    form: how numbers become records as the user gave them; None where they are the numbers themselves.
    """

    columns: tuple[Column, ...]
    task: Task = Task.CLASSIFICATION
    target: str = "y"
    classes: tuple[Any, ...] = ()
    framed: bool = False
    form: Form | None = field(default=None, compare=False, repr=False)

    def fingerprint(self) -> str:
        """Content hash of all that gives a record's numbers their meaning, computed once."""
        known = self.__dict__.get("_fingerprint")
        if known is None:
            described = [(c.name, c.kind.value, c.sensitive, c.dtype, c.fill) for c in self.columns]
            labels = [(type(label).__name__, label) for label in self.classes]
            shared = repr((described, self.task.value, self.target, labels, self.framed))
            form = self.form.fingerprint() if self.form is not None else ""
            known = digest(shared, self._told_categories(), form)
            object.__setattr__(self, "_fingerprint", known)
        return str(known)

    def _told_categories(self) -> str:
        return repr([[(type(v).__name__, v) for v in c.categories] for c in self.columns])

    @property
    def labeled(self) -> bool:
        """Whether records have a target of their own; a table without one has `UNLABELED` for its classes."""
        return self.task is Task.REGRESSION or self.classes != UNLABELED

    @property
    def opaque(self) -> bool:
        """Whether a record is one thing that cannot be altered number by number: a text, a list of tokens."""
        return len(self.columns) == 1 and self.columns[0].kind in CODED - {Kind.CATEGORICAL}

    @property
    def is_image(self) -> bool:
        """Whether a record is one image."""
        return len(self.columns) == 1 and self.columns[0].kind is Kind.IMAGE

    @property
    def names(self) -> tuple[str, ...]:
        """The column names."""
        return tuple(column.name for column in self.columns)

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Names of the sensitive columns."""
        return tuple(column.name for column in self.columns if column.sensitive)

    def position(self, name: str) -> int:
        """Where a column stands; raises InputError with the nearest name for an unknown one."""
        if name in self.names:
            return self.names.index(name)
        near = difflib.get_close_matches(name, self.names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; the columns are {', '.join(self.names[:12])}"
        raise InputError(f"there is no column {name!r}{hint}")

    def marked(self, sensitive: Iterable[str]) -> Schema:
        """The same schema with these columns sensitive."""
        chosen = {self.position(name) for name in sensitive}
        columns = tuple(replace(c, sensitive=c.sensitive or i in chosen) for i, c in enumerate(self.columns))
        return replace(self, columns=columns)


@dataclass(frozen=True, eq=False)
class Records:
    """A set of records with their targets.

    x: [records, columns] for tables (columns of a coded kind hold codes; a missing number is NaN), [records, height,
    width, ...] for images: numbers for divulge's own use, which no target sees where records were given otherwise.
    y: [records]; class codes 0..k-1, or float values for regression.
    groups: int [records], whose records they are where a person has several; None where each stands for itself.
    given: the records as the user gave them, where they are that and not made by divulge.
    """

    x: Array
    y: Array
    schema: Schema
    groups: Array | None = None
    given: Given | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise InputError(
                f"x has {len(self.x)} records and y has {len(self.y)}: pass one target value for every record"
            )
        if len(self.x) == 0:
            raise InputError("the set of records is empty: pass at least one record")
        if self.groups is not None and len(self.groups) != len(self.x):
            raise InputError(
                f"there are {len(self.groups)} groups for {len(self.x)} records: pass one for every record"
            )
        if self.y.dtype.kind == "f" and not np.isfinite(self.y).all():
            raise InputError(f"target {self.schema.target!r} has NaN or infinite values: drop those records")

    def __len__(self) -> int:
        return len(self.x)

    def as_given(self, given: Given | None) -> Records:
        """The same records with what the user gave behind them.  `dataclasses.replace` drops it again, so that records
        whose numbers were changed are never taken for those that were given.
        """
        same = replace(self)
        object.__setattr__(same, "given", given)
        return same

    def native(self) -> Any:
        """What a target is asked about: the rows as the user gave them, types unchanged; for records that divulge
        made, rows of the same form.  They are copies: a model may write into what it is handed.
        """
        if self.given is not None:
            return self.given.lent()
        return self.schema.form.decoded(self.x, self.schema) if self.schema.form is not None else self.x.copy()

    def settled(self) -> Records:
        """Records that divulge made up, as their columns can hold them: see Column.settled."""
        columns = self.schema.columns
        if self.x.ndim != 2 or len(columns) != self.x.shape[1] or not any(c.whole for c in columns):
            return self
        x = np.stack([column.settled(self.x[:, place]) for place, column in enumerate(columns)], axis=1)
        return Records(x.astype(self.x.dtype), self.y, self.schema, self.groups)

    def relabeled(self, y: Array) -> Records:
        """The same records, as they were given, with other targets [records]."""
        return replace(self, y=y).as_given(self.given)

    def take(self, index: Array) -> Records:
        """The records at these positions (integers, a mask or a slice)."""
        groups = self.groups[index] if self.groups is not None else None
        taken = Records(self.x[index], self.y[index], self.schema, groups)
        if self.given is not None:
            object.__setattr__(taken, "given", self.given.take(index))
        return taken

    def flat(self) -> Array:
        """X as a float matrix [records, features] without holes: a missing number is its column's `fill`."""
        flat = np.asarray(self.x.reshape(len(self.x), -1), dtype=np.float64)
        holes = ~np.isfinite(flat)
        if not holes.any():
            return flat
        columns = self.schema.columns
        fill = [c.fill for c in columns] if len(columns) == flat.shape[1] else [columns[0].fill] * flat.shape[1]
        return np.where(holes, np.asarray(fill)[None], flat)

    def features(self) -> Array:
        """Numbers that tell records apart, for guessers and neighbours: [records, features].

        Raises Impossible for records of which nothing meaningful can be told in numbers.
        """
        if self.schema.form is not None:
            return self.schema.form.features(self)
        if self.schema.opaque:
            raise Impossible("nothing is known of what these records are made of")
        return self.flat()

    def columns(self) -> dict[str, Array]:
        """The table column by column, categories decoded: what expressions and reports speak of."""
        decoded: dict[str, Array] = {}
        for position, column in enumerate(self.schema.columns):
            values = self.x[:, position]
            if column.kind in CODED:
                values = _objects(column.categories)[values.astype(np.int64)]
            elif column.kind is Kind.DATETIME and not column.dtype.startswith("timedelta"):
                whole = np.where(np.isfinite(values), values, 0.0)
                times = (whole * 1e6).round().astype("datetime64[us]")
                values = np.where(np.isfinite(values), times, np.datetime64("NaT"))
            decoded[column.name] = values
        return decoded

    def fingerprint(self) -> str:
        """Content hash of everything that gives them their meaning, computed once: records are not changed in place."""
        known = self.__dict__.get("_fingerprint")
        if known is None:
            given = self.given.fingerprint() if self.given is not None else ""
            known = digest(
                self.x, self.y, self.schema.fingerprint(), given, self.groups if self.groups is not None else ""
            )
            object.__setattr__(self, "_fingerprint", known)
        return str(known)

    def input_keys(self) -> list[bytes]:
        """One digest a record of its features alone: equal for equal questions to a model under this schema."""
        return row_digests(self.x)

    def row_keys(self, decimals: int | None = None) -> list[bytes]:
        """One digest a record, features and target together; `decimals` rounds each column in units of its spread."""
        flat, y = np.asarray(self.x.reshape(len(self.x), -1), dtype=np.float64), np.asarray(self.y, dtype=np.float64)
        spread = np.ones(flat.shape[1])
        if decimals is not None and not np.isnan(flat).all(axis=0).any():
            spread = np.nanstd(flat, axis=0)
        keys: list[bytes] = []
        for start in range(0, len(flat), AT_ONCE):
            some = flat[start : start + AT_ONCE]
            if decimals is not None:
                some = np.round(some / np.where(spread > 0, spread, 1.0), decimals)
            keys += row_digests(np.column_stack([some, y[start : start + AT_ONCE]]))
        return keys


def filled(values: Array, column: Column) -> Array:
    """Numbers of one column without holes: float64 [records]."""
    numbers = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, column.fill)


def _objects(values: Sequence[Any]) -> Array:
    """Values as an array of objects, one each, also where they are sequences themselves."""
    boxed = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        boxed[place] = value
    return boxed


def concat(parts: Sequence[Records]) -> Records:
    """One set after the other; all must have the same schema and shape of record."""
    first = parts[0]
    for other in parts[1:]:
        if other.x.shape[1:] != first.x.shape[1:]:
            raise InputError(f"records have shapes {first.x.shape[1:]} and {other.x.shape[1:]}: they must be alike")
    x, y = np.concatenate([p.x for p in parts]), np.concatenate([p.y for p in parts])
    groups = [p.groups for p in parts if p.groups is not None]
    joined = Records(x, y, first.schema, np.concatenate(groups) if len(groups) == len(parts) else None)
    given = [p.given for p in parts if p.given is not None]
    return joined.as_given(given[0].joined(given[1:])) if len(given) == len(parts) else joined
