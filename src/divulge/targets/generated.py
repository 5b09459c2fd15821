"""What a generator made, or a release holds, as records under the schema of the real ones."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.errors import FOREIGN, InputError, TargetError, raised
from divulge.core.hashing import Array
from divulge.core.records import CODED, Records, Schema
from divulge.core.threat import Task

LARGEST = 1e30
"""Of a value, whichever sign: what is learned from tables counts in single precision, and squares must not overflow."""


class Encodes(Protocol):
    """A form of records whose tables can be turned into numbers of a schema that there is already."""

    def encoded(self, table: Any, schema: Schema) -> Array:
        """Numbers [records, columns]; raises InputError for what no column can hold."""
        ...


def records_of(made: Any, schema: Schema, whose: str) -> Records:
    """Made records, (x, y) or one table, under the schema; raises TargetError where they do not fit it.

    whose: the maker, in words.
    """
    if callable(getattr(made, "dataframe", None)):  # a loader of synthcity
        made = made.dataframe()
    x, y = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    rows = _coded(whose, x, schema)
    if not schema.labeled:
        labels: Array = np.zeros(len(rows), dtype=np.int64)
    else:
        labels = _classes(whose, np.asarray(_target_of(whose, x, schema) if y is None else y), schema)
    if len(labels) != len(rows):
        raise TargetError(f"{whose} made {len(rows)} records and {len(labels)} targets")
    if np.isinf(rows).any() or (np.isnan(rows).any() and schema.form is None):
        raise TargetError(f"{whose} made records with NaN or infinite values")
    if len(rows) and float(np.nanmax(np.abs(rows), initial=0.0)) > LARGEST:
        raise TargetError(f"{whose} made records with values beyond {LARGEST:.0e}: give them in another unit")
    return Records(rows, labels, schema)


def _target_of(whose: str, table: Any, schema: Schema) -> Any:
    """The target column of a table that holds it."""
    if not hasattr(table, "columns") or schema.target not in table.columns:
        raise TargetError(f"{whose} made no column {schema.target!r}, the target: return it, or a pair (x, y)")
    return table[schema.target]


def _coded(whose: str, x: Any, schema: Schema) -> Array:
    """As the records are: arrays as they come, frames column by column."""
    if not hasattr(x, "columns"):
        try:
            numbers = np.asarray(x, dtype=np.float64)
        except (ValueError, TypeError) as error:
            raise TargetError(f"{whose} made no table of numbers ({error}): return a data frame or an array") from error
        if numbers.ndim < 2:
            raise TargetError(f"{whose} made {type(x).__name__} and no table: return a data frame or an array of rows")
        columns = len(schema.columns)
        if not schema.is_image and numbers.ndim == 2 and numbers.shape[1] != columns:
            raise TargetError(f"{whose} made {numbers.shape[1]} columns, and the records have {columns}")
        return numbers
    if schema.form is not None and able(schema.form, Encodes):
        try:
            return schema.form.encoded(x, schema)
        except InputError as error:
            raise TargetError(f"{whose} made a table that does not fit: {error}") from error
        except FOREIGN as error:
            raise TargetError(f"{whose} made a table that cannot be read: {raised(error)}") from error
    return _by_column(whose, x, schema)


def _by_column(whose: str, x: Any, schema: Schema) -> Array:
    lacking = [c.name for c in schema.columns if c.name not in x.columns]
    if lacking:
        raise TargetError(f"{whose} made no column {lacking[0]!r}")
    parts = []
    for column in schema.columns:
        values = np.asarray(x[column.name])
        if column.kind in CODED:
            codes = {str(value): code for code, value in enumerate(column.categories)}
            wrong = next((v for v in values if str(v) not in codes), None)
            if wrong is not None:
                raise TargetError(f"{whose} made {str(wrong)!r} in column {column.name!r}: no record has it")
            values = np.array([codes[str(v)] for v in values])
        parts.append(values.astype(np.float64))
    return np.stack(parts, axis=1)


def _classes(whose: str, y: Array, schema: Schema) -> Array:
    if schema.task is Task.REGRESSION:
        return y.astype(np.float64)
    codes = {str(c): k for k, c in enumerate(schema.classes)}
    numbered = y.dtype.kind not in "OUS" and not any(isinstance(c, str) for c in schema.classes)
    if y.dtype.kind in "OUS":
        wrong = next((v for v in y if str(v) not in codes), None)
        if wrong is not None:
            raise TargetError(f"{whose} made the class {str(wrong)!r}, which no record has")
        return np.array([codes[str(v)] for v in y])
    found = y.astype(np.int64)
    if numbered and schema.classes != tuple(range(len(schema.classes))) and set(map(str, found.tolist())) <= set(codes):
        return np.array([codes[str(v)] for v in found.tolist()])
    if len(found) and not (found.min() >= 0 and found.max() < len(schema.classes)):
        raise TargetError(f"{whose} made class codes outside 0 to {len(schema.classes) - 1}")
    return found
