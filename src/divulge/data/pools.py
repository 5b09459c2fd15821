"""Records that are one thing each, numbered by what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from divulge.core.hashing import Array, digest
from divulge.core.language.texts import Chat, Prompted
from divulge.core.records import Column, Kind
from divulge.data.forms import PoolForm
from divulge.data.given import GivenRows, is_sparse, is_tensor, length_of, rows_of
from divulge.data.kinds import kind_of
from divulge.data.words import text_features, token_features

COMPONENTS = 64


def pooled(together: Any) -> tuple[Column, Array, PoolForm]:
    """The one column of such records, the number of each [records, 1], and how numbers become records again.

    Numbers follow from content, never from where a record stood.
    """
    keys = _keys(together)
    first: dict[bytes, int] = {}
    for row, key in enumerate(keys):
        first.setdefault(key, row)
    brought = kind_of(together)
    first = {key: first[key] for key in sorted(first)}  # the order of the sets would tell members from others
    number = {key: place for place, key in enumerate(first)}
    pool = rows_of(together, np.array(list(first.values())))
    kind, read = (Kind.OPAQUE, brought.told(pool)) if brought is not None else _told(pool)
    categories: tuple[Any, ...] = tuple(pool) if kind is Kind.TEXT else ()
    column = Column("text" if kind is Kind.TEXT else "tokens" if kind is Kind.TOKENS else "record", kind, categories)
    numbers = np.array([number[key] for key in keys], dtype=np.float64)[:, None]
    return column, numbers, PoolForm(GivenRows(pool), read, digest(*first))


def _keys(value: Any) -> list[bytes]:
    """One digest a record, of its content."""
    import pandas as pd

    brought = kind_of(value)
    if brought is not None:
        return brought.keys(value)
    if isinstance(value, Mapping):
        parts = [_keys(part) for part in value.values()]
        return [digest(*row).encode() for row in zip(*parts, strict=True)]
    if is_sparse(value):
        rows = [value[[i]] for i in range(value.shape[0])]
        return [digest(np.asarray(row.indices), np.asarray(row.data)).encode() for row in rows]
    if isinstance(value, pd.DataFrame):
        return [digest(repr(row)).encode() for row in value.itertuples(index=False, name=None)]
    if isinstance(value, pd.Series):
        value = value.tolist()
    return [_key(value[i]) for i in range(length_of(value))]


def _key(record: Any) -> bytes:
    if is_tensor(record):
        record = record.cpu().float().numpy() if record.is_floating_point() else record.cpu().numpy()
    if isinstance(record, str | bytes):
        return digest(type(record).__name__, record).encode()
    array = np.asarray(record) if not isinstance(record, Mapping) else None
    if array is not None and array.dtype != object:
        return digest(array).encode()
    return digest(type(record).__name__, repr(record)).encode()


def _told(pool: Any) -> tuple[Kind, Array | None]:
    """What kind of records they are, and what a guesser without the model can tell about them."""
    from sklearn.decomposition import TruncatedSVD

    if is_sparse(pool):
        width = min(COMPONENTS, min(pool.shape) - 1)
        return Kind.OPAQUE, np.asarray(TruncatedSVD(width, random_state=0).fit_transform(pool.astype(np.float64)))
    if isinstance(pool, Mapping):
        ids = pool.get("input_ids")
        return Kind.TOKENS, token_features(list(np.asarray(ids))) if ids is not None else _parts(pool)
    listed = list(pool)
    if all(isinstance(record, str | Prompted | Chat) for record in listed):
        return Kind.TEXT, text_features(tuple(map(str, listed)))
    arrays = [_as_array(record) for record in listed]
    if all(array is not None and array.dtype.kind in "iu" and array.ndim == 1 for array in arrays):
        return Kind.TOKENS, token_features(arrays)
    return Kind.OPAQUE, None


def _parts(pool: Mapping[str, Any]) -> Array | None:
    """Of several arrays of numbers a record: all of them side by side, where they are small."""
    parts = [_as_array(part) for part in pool.values()]
    if any(part is None or part.dtype.kind not in "fiub" for part in parts):
        return None
    flat = [np.asarray(part, dtype=np.float64).reshape(len(part), -1) for part in parts if part is not None]
    wide = np.nan_to_num(np.column_stack(flat))
    return wide if wide.shape[1] <= 10_000 else None


def _as_array(record: Any) -> Array | None:
    try:
        if is_tensor(record):
            return np.asarray(record.cpu().float().numpy() if record.is_floating_point() else record.cpu().numpy())
        return np.asarray(record)
    except (ValueError, TypeError):
        return None
