"""Records and their schema: what a data set is to divulge."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array, digest, row_digests
from divulge.core.threat import Task


class Kind(Enum):
    """What a column holds."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    IMAGE = "image"
    TEXT = "text"


@dataclass(frozen=True)
class Column:
    """One column.  categories: the values behind the codes 0, 1, ... of a categorical column."""

    name: str
    kind: Kind = Kind.NUMERIC
    categories: tuple[str, ...] = ()
    sensitive: bool = False


@dataclass(frozen=True)
class Schema:
    """What the columns of `Records.x` and the target mean.

    classes: the labels behind the codes of `Records.y` (classification only).
    framed: the records came from a table with column names, so models that take data frames get one.
    """

    columns: tuple[Column, ...]
    task: Task = Task.CLASSIFICATION
    target: str = "y"
    classes: tuple[Any, ...] = ()
    framed: bool = False

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

    x: [records, columns] for tables (categorical columns hold codes), [records, height, width, ...] for images.
    y: [records]; class codes 0..k-1, or float values for regression.
    """

    x: Array
    y: Array
    schema: Schema

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise InputError(
                f"x has {len(self.x)} records and y has {len(self.y)}: pass one target value for every record"
            )
        if len(self.x) == 0:
            raise InputError("the set of records is empty: pass at least one record")
        if self.x.dtype.kind == "f" and not np.isfinite(self.x).all():
            self._refuse_holes()
        if self.y.dtype.kind == "f" and not np.isfinite(self.y).all():
            raise InputError(f"target {self.schema.target!r} has NaN or infinite values: drop those records")

    def _refuse_holes(self) -> None:
        holes = ~np.isfinite(self.x.reshape(len(self.x), -1))
        where = int(holes.any(axis=0).argmax())
        names = self.schema.names
        column = names[where] if len(names) > where else f"feature {where}"
        raise InputError(
            f"column {column!r} has {int(holes[:, where].sum())} NaN or infinite values: "
            "fill them in (scikit-learn's SimpleImputer, say) or drop those records"
        )

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Array) -> Records:
        """The records at these positions (integers or a mask)."""
        return Records(self.x[index], self.y[index], self.schema)

    def flat(self) -> Array:
        """X as a float matrix [records, features]."""
        return np.asarray(self.x.reshape(len(self.x), -1), dtype=np.float64)

    def columns(self) -> dict[str, Array]:
        """The table column by column, categories decoded: what a data frame is made from."""
        decoded: dict[str, Array] = {}
        for position, column in enumerate(self.schema.columns):
            values = self.x[:, position]
            if column.kind is Kind.CATEGORICAL:
                values = np.asarray(column.categories, dtype=object)[values.astype(np.int64)]
            decoded[column.name] = values
        return decoded

    def fingerprint(self) -> str:
        """Content hash of features and targets, computed once: records are not changed in place."""
        known = self.__dict__.get("_fingerprint")
        if known is None:
            known = digest(self.x, self.y)
            object.__setattr__(self, "_fingerprint", known)
        return str(known)

    def row_keys(self, decimals: int | None = None) -> list[bytes]:
        """One digest a record, features and target together; `decimals` rounds each column in units of its spread."""
        flat = self.flat()
        if decimals is not None:
            spread = flat.std(axis=0)
            flat = np.round(flat / np.where(spread > 0, spread, 1.0), decimals)
        return row_digests(np.column_stack([flat, np.asarray(self.y, dtype=np.float64)]))


def concat(parts: Sequence[Records]) -> Records:
    """One set after the other; all must have the same schema and shape of record."""
    first = parts[0]
    for other in parts[1:]:
        if other.x.shape[1:] != first.x.shape[1:]:
            raise InputError(f"records have shapes {first.x.shape[1:]} and {other.x.shape[1:]}: they must be alike")
    return Records(np.concatenate([p.x for p in parts]), np.concatenate([p.y for p in parts]), first.schema)
