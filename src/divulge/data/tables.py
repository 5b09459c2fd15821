"""Tables of other libraries than pandas: polars, Arrow, and what is made after pandas.  A model is handed them as they
are; divulge itself reads the pandas table that they can be turned into.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from divulge.core.hashing import Array

PANDAS_WAY = ("modin", "cudf")
"""Libraries whose tables have the interface of pandas."""

LIBRARIES = ("polars", "pyarrow", *PANDAS_WAY)


def is_table(value: Any) -> bool:
    """Whether it is a table of one of these libraries, told without loading any; a lazy one is none yet."""
    of = type(value).__module__.partition(".")[0]
    return of in LIBRARIES and hasattr(value, "to_pandas") and getattr(value, "shape", (0,))[1:] != ()


def table_length(table: Any) -> int:
    """How many rows it has."""
    return int(table.shape[0])


def table_rows(table: Any, index: Array) -> Any:
    """The rows at these positions [rows]."""
    if _arrow(table):
        return _taken(table, index)
    return table.iloc[index] if hasattr(table, "iloc") else table[index]


def _taken(table: Any, index: Array) -> Any:
    """Rows of an Arrow table; of columns that Arrow cannot take rows of (views of words), by way of the full type."""
    import pyarrow

    try:
        return table.take(index)
    except pyarrow.ArrowNotImplementedError:
        full = {"string_view": pyarrow.large_string(), "binary_view": pyarrow.large_binary()}
        kinds = [field.with_type(full.get(str(field.type), field.type)) for field in table.schema]
        return table.cast(pyarrow.schema(kinds)).take(index).cast(table.schema)


def tables_joined(tables: Sequence[Any]) -> Any:
    """All rows, of the first one's type; raises what the library raises where columns differ."""
    first = tables[0]
    if _arrow(first):
        import pyarrow

        if isinstance(first, pyarrow.RecordBatch):
            (batch,) = pyarrow.Table.from_batches(list(tables)).combine_chunks().to_batches()
            return batch
        return pyarrow.concat_tables(list(tables))
    library = sys.modules[type(first).__module__.partition(".")[0]]
    together = library.concat(list(tables))
    return together.rechunk() if hasattr(together, "rechunk") else together


def without_column(table: Any, name: str) -> tuple[Any, Any]:
    """The table without this column, and the column as an array."""
    column = table[name]
    values = column.to_numpy()
    if _arrow(table):
        return table.select([other for other in table.schema.names if other != name]), values
    return table.drop(columns=name) if hasattr(table, "iloc") else table.drop(name), values


def names_of(table: Any) -> list[str]:
    """Of its columns."""
    return list(table.schema.names) if _arrow(table) else list(map(str, table.columns))


def as_this(frame: Any, like: Any) -> Any:
    """A pandas table in the form of `like`, with its types as far as they hold the values."""
    if _arrow(like):
        import pyarrow

        try:
            table = pyarrow.Table.from_pandas(frame, schema=like.schema, preserve_index=False)
        except (pyarrow.ArrowException, TypeError, ValueError):  # fractions in a column of whole numbers
            table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        if isinstance(like, pyarrow.RecordBatch):
            (table,) = table.combine_chunks().to_batches()
        return table
    library = sys.modules[type(like).__module__.partition(".")[0]]
    if hasattr(like, "iloc"):
        return library.DataFrame(frame)
    return library.from_pandas(frame).cast(dict(like.schema), strict=False)


def described_table(table: Any) -> str:
    """Its type, and those of its columns."""
    types = table.dtypes if hasattr(table, "iloc") else table.schema
    return f"{type(table).__module__}.{type(table).__qualname__} {types}"


def _arrow(table: Any) -> bool:
    return type(table).__module__.partition(".")[0] == "pyarrow"
