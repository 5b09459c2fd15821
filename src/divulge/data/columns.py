"""One column of a table: from values of any type to numbers, and back to values of that type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import CODED, Column, Kind, missing

if TYPE_CHECKING:
    import pandas as pd

WORDY = 20
"""Mean length from which different strings are texts rather than categories."""

LARGEST = 2.0**53
"""Whole numbers beyond are not told apart by float64, so they are categories."""

FEW = 64
"""Up to so many different numbers, a column of plain Python numbers (dtype object) holds codes, categories that is."""


def column_of(name: str, values: pd.Series[Any]) -> tuple[Column, Array]:
    """What a column holds, and its values as numbers [records]: quantities, truth values and times as such (NaN where
    missing), all else as the places of its values among `categories`, where a missing one is a value too.
    """
    import pandas as pd

    dtype = values.dtype
    numbers, kind = _numbers(values)
    if numbers is not None:
        known = numbers[np.isfinite(numbers)]
        fill = float(np.median(known)) if len(known) else 0.0
        plain = "object of int" if is_object(dtype) and bool((known == np.round(known)).all()) else str(dtype)
        return Column(name, kind, dtype=plain, fill=fill), numbers
    codes, categories = _pooled(values)
    words = [v for v in categories if isinstance(v, str)]
    wordy = len(words) > 0.5 * len(values) and np.mean([len(w) for w in words]) >= WORDY
    texts = bool(wordy) and not isinstance(dtype, pd.CategoricalDtype)
    return Column(name, Kind.TEXT if texts else Kind.CATEGORICAL, categories, dtype=str(dtype)), codes


def is_object(dtype: Any) -> bool:
    """Whether values are plain Python objects."""
    import pandas as pd

    return bool(pd.api.types.is_object_dtype(dtype))


def _numbers(values: pd.Series[Any]) -> tuple[Array | None, Kind]:
    """Values as float64 where they are quantities, truth values or times that float64 tells apart; else None."""
    import pandas as pd

    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return None, Kind.CATEGORICAL
    if is_object(dtype):
        return _plain_numbers(values), Kind.NUMERIC
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        plain = values.dt.tz_convert(None) if getattr(dtype, "tz", None) is not None else values
        wide = plain.to_numpy()
        if wide.dtype.kind not in "mM":  # times of other libraries
            return None, Kind.CATEGORICAL
        seconds = wide.astype(f"{wide.dtype.kind}8[ns]").astype(np.int64) / 1e9
        return np.where(np.isnat(wide), np.nan, seconds), Kind.DATETIME
    if pd.api.types.is_bool_dtype(dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), Kind.BOOLEAN
    if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_complex_dtype(dtype):
        return None, Kind.CATEGORICAL
    found = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_integer_dtype(dtype) and len(found) and np.nanmax(np.abs(found), initial=0.0) >= LARGEST:
        return None, Kind.CATEGORICAL
    return found, Kind.NUMERIC


def _plain_numbers(values: pd.Series[Any]) -> Array | None:
    """Many different Python numbers of one type; None for whatever else a column of objects holds."""
    known = values[values.notna()]
    if len({type(value) for value in known}) != 1 or type(known.iloc[0]) not in (int, float) or known.nunique() <= FEW:
        return None
    if len({type(value) for value in values[values.isna()]} - {float}) > 0:
        return None  # None and the like would come back as NaN
    found = values.astype(np.float64).to_numpy()
    return found if type(known.iloc[0]) is float or np.nanmax(np.abs(found)) < LARGEST else None


def _pooled(values: pd.Series[Any]) -> tuple[Array, tuple[Any, ...]]:
    """Places of the values in their pool [records], and the pool in order, missing ones last.  1, 1.0, True and "1"
    are four values, since a model may tell them apart.
    """
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.to_numpy().astype(np.int64)
        seen = np.unique(codes[codes >= 0])
        pool: list[Any] = [values.cat.categories[place] for place in seen]
        place = {int(code): number for number, code in enumerate(seen)}
        if (codes < 0).any():
            place[-1] = len(pool)
            pool.append(np.nan)
        return np.array([place[code] for code in codes.tolist()], dtype=np.float64), tuple(pool)
    listed = values.astype(object).tolist()
    keys = [_key(value) for value in listed]
    first = dict(zip(reversed(keys), reversed(listed), strict=True))
    ordered = sorted(first, key=lambda key: _order(key, first[key]))
    number = {key: place for place, key in enumerate(ordered)}
    return np.array([number[key] for key in keys], dtype=np.float64), tuple(first[key] for key in ordered)


def _missing(value: Any) -> bool:
    if isinstance(value, str):
        return False
    import pandas as pd

    return bool(pd.isna(value)) if np.ndim(value) == 0 else False


def _key(value: Any) -> tuple[str, Any]:
    if type(value) is str:  # as most values are of which there are many
        return "str", value
    name = type(value).__name__
    if _missing(value):
        return name, None
    try:
        hash(value)
    except TypeError:
        return name, repr(value)
    return name, value


def _order(key: tuple[str, Any], value: Any) -> tuple[bool, str, Any]:
    if _missing(value):
        return True, key[0], ""
    plain = isinstance(value, str | bool | int | float | np.number)
    return False, key[0], value if plain else str(value)


def codes_of(column: Column, values: pd.Series[Any], dtype: Any) -> Array:
    """Values as the numbers of a column that there is already [records]; raises InputError for what it cannot hold.

    dtype: of the column as its owner gave it, in which values that are written otherwise (as floats, say) are read.
    """
    if column.kind not in CODED:
        numbers = _numbers(_read_as(column, values, dtype))[0]
        if numbers is None:
            raise InputError(f"column {column.name!r} holds what is no {column.kind.value} value")
        return numbers
    place = {str(value): code for code, value in enumerate(column.categories) if not missing(value)}
    place |= {str(float(value)): place[str(value)] for value in column.categories if type(value) is int}
    hole = next((code for code, value in enumerate(column.categories) if missing(value)), None)
    listed = values.astype(object).tolist()
    codes = [hole if missing(value) else place.get(str(value)) for value in listed]
    wrong = next((value for value, code in zip(listed, codes, strict=True) if code is None), None)
    if None in codes:
        raise InputError(f"{str(wrong)!r} in column {column.name!r}: no record has it")
    return np.array(codes, dtype=np.float64)


def _read_as(column: Column, values: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    """Values as quantities, truth values or times, whatever they are written as."""
    import pandas as pd

    try:
        if column.kind is Kind.DATETIME:
            spans = pd.api.types.is_timedelta64_dtype(dtype)
            return pd.Series(pd.to_timedelta(values) if spans else pd.to_datetime(values, utc=True))
        if column.kind is Kind.BOOLEAN and not pd.api.types.is_bool_dtype(values.dtype):
            known = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}
            return values.map(lambda value: np.nan if missing(value) else known[str(value).lower()]).astype(float)
        if is_object(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
            return pd.Series(pd.to_numeric(values))
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"column {column.name!r} holds what is no {column.kind.value} value ({error})") from error
    return values


def values_of(column: Column, numbers: Array, dtype: Any) -> Any:
    """Numbers [records] as a column of a data frame of this type: what a model that takes such frames is shown.

    Numbers are such as the column can hold (Column.settled), so that a whole-number column stays one.
    """
    import pandas as pd

    if column.kind in CODED:
        return _from_pool(column.categories, numbers.astype(np.int64), dtype)
    if column.kind is Kind.DATETIME:
        wide = np.round(numbers * 1e9)
        holes = ~np.isfinite(wide)
        whole = np.where(holes, 0, wide).astype(np.int64)
        if pd.api.types.is_timedelta64_dtype(dtype):
            spans = pd.Series(pd.to_timedelta(whole, unit="ns")).mask(holes)
            return spans.astype(dtype)
        times = pd.Series(pd.to_datetime(whole, unit="ns", utc=True)).mask(holes)
        zone = getattr(dtype, "tz", None)
        return times.astype(dtype) if zone is not None else times.dt.tz_localize(None).astype(dtype)
    holes = np.isnan(numbers)
    if is_object(dtype) and column.kind is Kind.NUMERIC:
        every = column.dtype.endswith("int") and bool((numbers[~holes] == np.round(numbers[~holes])).all())
        return pd.Series([int(v) if every and not np.isnan(v) else float(v) for v in numbers], dtype=object)
    extended = pd.api.types.is_extension_array_dtype(dtype)
    if column.kind is Kind.BOOLEAN:
        if holes.any() and not extended:
            return pd.Series(np.where(holes, np.nan, numbers >= 0.5), dtype=object)
        return pd.Series(numbers >= 0.5).astype("boolean").mask(holes).astype(dtype)
    fits = not pd.api.types.is_integer_dtype(dtype) or _fit(numbers[~holes], dtype)
    if extended:
        return pd.Series(numbers).astype("Float64").mask(holes).astype(dtype if fits else "Float64")
    return pd.Series(numbers).astype(dtype if fits and not (holes.any() and np.dtype(dtype).kind in "iu") else float)


def _fit(numbers: Array, dtype: Any) -> bool:
    """Whether numbers are whole and in the range of an integer type."""
    limits = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
    whole = bool((numbers == np.round(numbers)).all())
    return whole and (not len(numbers) or bool(numbers.min() >= limits.min and numbers.max() <= limits.max))


def _from_pool(pool: Sequence[Any], codes: Array, dtype: Any) -> Any:
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype):
        places = np.array([-1 if _missing(v) else dtype.categories.get_loc(v) for v in pool], dtype=np.int64)
        return pd.Series(pd.Categorical.from_codes(places[codes], dtype=dtype))
    values = np.empty(len(pool), dtype=object)
    for place, value in enumerate(pool):
        values[place] = value
    return pd.Series(values[codes], dtype=object).astype(dtype)
