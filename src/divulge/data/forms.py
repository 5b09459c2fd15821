"""Forms of records: data frames, arrays, sparse matrices, tensors, and records that are one thing each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.core.errors import Impossible, InputError
from divulge.core.hashing import Array, digest
from divulge.core.mixed.inputs import handed
from divulge.core.records import Kind, Records, Schema
from divulge.data.columns import codes_of, values_of
from divulge.data.given import GivenRows, rows_of
from divulge.data.tables import as_this, described_table
from divulge.data.words import text_features

if TYPE_CHECKING:
    import pandas as pd


def with_holes_told(records: Records, holes: tuple[int, ...]) -> Array:
    """Numbers without holes, and for each of these columns whether one was there: [records, features]."""
    flat = records.flat()
    if not holes:
        return flat
    raw = np.asarray(records.x.reshape(len(records), -1), dtype=np.float64)
    return np.column_stack([flat, *(np.isnan(raw[:, place]).astype(np.float64) for place in holes)])


@dataclass(frozen=True, eq=False)
class FrameForm:
    """A data frame.  labels: of its columns.  dtypes: their types.  holes: places of columns with missing numbers."""

    labels: tuple[Any, ...]
    dtypes: tuple[Any, ...]
    holes: tuple[int, ...] = ()

    def decoded(self, x: Array, schema: Schema) -> pd.DataFrame:
        """See Form."""
        import pandas as pd

        columns = {
            place: values_of(column, column.settled(np.asarray(x[:, place], dtype=np.float64)), self.dtypes[place])
            for place, column in enumerate(schema.columns)
        }
        frame = pd.DataFrame(columns)
        frame.columns = pd.Index(self.labels)
        return frame

    def encoded(self, table: Any, schema: Schema) -> Array:
        """The way back: a table with such columns, in whatever order and of whatever type, as numbers [records,
        columns].  Raises InputError where a column lacks, or holds what no column of the schema can.
        """
        lacking = [label for label in self.labels if label not in table.columns]
        if lacking:
            raise InputError(f"there is no column {str(lacking[0])!r}")
        coded = [
            codes_of(column, table[label], dtype)
            for column, label, dtype in zip(schema.columns, self.labels, self.dtypes, strict=True)
        ]
        return np.stack(coded, axis=1)

    def features(self, records: Records) -> Array:
        """See Form: numbers as they are, categories as codes, texts as counts of their parts, missing values told."""
        flat = with_holes_told(records, self.holes)
        columns = records.schema.columns
        wordy = [place for place, column in enumerate(columns) if column.kind is Kind.TEXT]
        if not wordy:
            return flat
        kept = [place for place in range(flat.shape[1]) if place not in wordy]
        codes = records.x[:, wordy].astype(np.int64)
        blocks = [text_features(columns[place].categories)[codes[:, i]] for i, place in enumerate(wordy)]
        return np.column_stack([flat[:, kept], *blocks])

    def fingerprint(self) -> str:
        """See Form."""
        kinds = [_told(dtype) for dtype in self.dtypes]
        return digest("frame", repr(list(map(repr, self.labels))), repr(kinds), repr(self.holes))


@dataclass(frozen=True, eq=False)
class TableForm(FrameForm):
    """A table of another library, read as a data frame.  like: one of its type without rows."""

    like: Any = None

    def decoded(self, x: Array, schema: Schema) -> Any:
        """See Form."""
        return as_this(super().decoded(x, schema), self.like)

    def fingerprint(self) -> str:
        """See Form."""
        return digest(super().fingerprint(), described_table(self.like))


def _told(dtype: Any) -> str:
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype):
        values = [(type(value).__name__, str(value)) for value in dtype.categories]
        return repr((values, dtype.ordered))
    return str(dtype)


@dataclass(frozen=True, eq=False)
class ArrayForm:
    """An array [records, ...] of one type.  mixed: its columns hold other things than numbers that float64 tells apart:
    objects, words, very large whole numbers.
    """

    dtype: Any
    holes: tuple[int, ...] = ()
    mixed: bool = False

    def decoded(self, x: Array, schema: Schema) -> Any:
        """See Form; whole numbers where all are, else the adversary's fractions."""
        if self.mixed:
            kind = self.dtype if self.dtype.kind in "mM" else np.dtype(object)
            columns = [
                values_of(column, column.settled(x[:, place].astype(np.float64)), _of_pandas(kind)).to_numpy()
                for place, column in enumerate(schema.columns)
            ]
            return np.column_stack(columns).astype(self.dtype)
        return as_type(x, self.dtype)

    def features(self, records: Records) -> Array:
        """See Form."""
        return with_holes_told(records, self.holes)

    def fingerprint(self) -> str:
        """See Form."""
        return digest("array", str(self.dtype), repr(self.holes), str(self.mixed))


def _of_pandas(kind: Any) -> Any:
    """The nearest type that a column of pandas has: times in seconds, milli-, micro- or nanoseconds."""
    if kind.kind not in "mM" or np.datetime_data(kind)[0] in ("s", "ms", "us", "ns"):
        return kind
    return np.dtype(f"{kind.kind}8[s]")


@dataclass(frozen=True, eq=False)
class ComplexForm:
    """An array [records, features] of complex numbers: in numbers, all real parts, then all imaginary parts."""

    dtype: Any
    holes: tuple[int, ...] = ()

    def decoded(self, x: Array, schema: Schema) -> Any:
        """See Form."""
        half = x.shape[1] // 2
        return (x[:, :half] + 1j * x[:, half:]).astype(self.dtype)

    def features(self, records: Records) -> Array:
        """See Form."""
        return with_holes_told(records, self.holes)

    def fingerprint(self) -> str:
        """See Form."""
        return digest("complex", str(self.dtype), repr(self.holes))


@dataclass(frozen=True, eq=False)
class StructuredForm:
    """An array [records] whose entries have named fields.  table: the same as a data frame."""

    dtype: Any
    kind: Any
    table: FrameForm

    def decoded(self, x: Array, schema: Schema) -> Any:
        """See Form."""
        rows = self.table.decoded(x, schema)
        made = np.empty(len(rows), dtype=self.dtype)
        for name in self.dtype.names:
            made[name] = rows[name].to_numpy()
        return made.view(self.kind)

    def features(self, records: Records) -> Array:
        """See Form."""
        return self.table.features(records)

    def fingerprint(self) -> str:
        """See Form."""
        return digest("structured", str(self.dtype), self.table.fingerprint())


def as_type(x: Array, dtype: Any) -> Array:
    """Numbers in this type, where it holds them; fractions and holes stay what they are."""
    if dtype.kind == "f" or dtype == x.dtype:
        return x.astype(dtype)
    with np.errstate(invalid="ignore"):
        whole = x.astype(dtype)
    return whole if np.array_equal(whole.astype(x.dtype), x) else x


@dataclass(frozen=True, eq=False)
class SparseForm:
    """A sparse matrix in rows.  kind: its class."""

    kind: Any
    dtype: Any

    def decoded(self, x: Array, schema: Schema) -> Any:
        """See Form."""
        from scipy import sparse

        return sparse.csr_matrix(as_type(x, self.dtype)) if _is_matrix(self.kind) else sparse.csr_array(x)

    def features(self, records: Records) -> Array:
        """See Form."""
        return records.flat()

    def fingerprint(self) -> str:
        """See Form."""
        return digest("sparse", self.kind.__name__, str(self.dtype))


def _is_matrix(kind: Any) -> bool:
    from scipy import sparse

    return issubclass(kind, sparse.spmatrix)


@dataclass(frozen=True, eq=False)
class TensorForm:
    """A tensor of PyTorch.  like: an empty one of the same type and device."""

    like: Any
    holes: tuple[int, ...] = ()

    def decoded(self, x: Array, schema: Schema) -> Any:
        """See Form."""
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(x)).to(self.like.device)
        same = tensor.to(self.like.dtype)
        return same if self.like.is_floating_point() or bool((same.to(tensor.dtype) == tensor).all()) else tensor

    def features(self, records: Records) -> Array:
        """See Form."""
        return with_holes_told(records, self.holes)

    def fingerprint(self) -> str:
        """See Form."""
        return digest("tensor", str(self.like.dtype), repr(self.holes))


@dataclass(frozen=True, eq=False)
class PoolForm:
    """Records that are one thing each, numbered: texts, lists of tokens, rows of a wide sparse matrix, anything.

    pool: every different record once.  told: numbers about each [pool, features]; None where nothing is known.
    """

    pool: GivenRows
    told: Array | None
    content: str

    def decoded(self, x: Array, schema: Schema) -> Any:
        """See Form."""
        return handed(rows_of(self.pool.value, x[:, 0].astype(np.int64)))

    def features(self, records: Records) -> Array:
        """See Form; raises Impossible where nothing meaningful is known of such records."""
        if self.told is None:
            raise Impossible("nothing meaningful can be said in numbers about records of this kind")
        return self.told[records.x[:, 0].astype(np.int64)]

    def fingerprint(self) -> str:
        """See Form."""
        return digest("pool", self.content)
