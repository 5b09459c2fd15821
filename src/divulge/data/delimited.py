"""Tables as text: the encoding and the separator are found out, and what only looks like a number stays text."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from divulge.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

HOLES = ("NA", "N/A", "NaN", "nan", "null", "None", "?")
"""Words that stand for a missing number."""

SEPARATORS = (",", ";", "\t", "|")
TRUTHS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?"
CODE = r"[+-]?0\d.*|\+\d+|[+-]?\d+[eE]\d+"
"""What a number would not be written as again: 007, +41, and 1e5, which is a code as often as a number."""

SAMPLE = 50
TEXT = ("str", "text", "string")


@dataclass(frozen=True)
class TableReading:
    """How a table is to be read.  separator, encoding: found out when None.  dtypes: column to str, category, int,
    float, bool, number, datetime or any other name that pandas knows.  fitted: what a model was fitted on, where it can
    be told (str, number, category or category:str); columns that are not there are no matter.
    """

    separator: str | None = None
    encoding: str | None = None
    dtypes: Mapping[str, str] = field(default_factory=dict)
    fitted: Mapping[str, str] = field(default_factory=dict)


def read_delimited(path: Path, reading: TableReading) -> pd.DataFrame:
    """A delimited table with its columns as `typed` makes them.  Raises ValueError or OSError for damaged files."""
    import pandas as pd

    text = _text(path, reading.encoding)
    separator = reading.separator or ("\t" if ".tsv" in path.name.lower() else sniffed(text))
    _refuse_cut_off(text, separator)
    frame = pd.read_csv(
        io.StringIO(text), sep=separator, skipinitialspace=True, keep_default_na=False, na_values=[""], dtype=str
    )
    return typed(frame, reading.dtypes, reading.fitted, decimal_comma=separator != ",")


def sniffed(text: str) -> str:
    """The separator: that which cuts the first lines into the most fields, as many in each as in the header."""
    lines = [line for line in text[:100_000].splitlines()[: SAMPLE + 1] if line.strip()][:SAMPLE]
    widths: dict[str, int] = {}
    for separator in SEPARATORS:
        fields = {len(row) for row in csv.reader(lines, delimiter=separator, skipinitialspace=True) if row}
        if len(fields) == 1:
            widths[separator] = fields.pop()
    return max(widths, key=lambda s: widths[s], default=",") if max(widths.values(), default=1) > 1 else ","


def typed(
    frame: pd.DataFrame, dtypes: Mapping[str, str], fitted: Mapping[str, str] | None = None, decimal_comma: bool = False
) -> pd.DataFrame:
    """The columns of a table of texts as what they are: truths, numbers where writing them again would give the same
    text, else texts, with a hole where nothing stands.  dtypes, fitted: what some of them are instead, see Reading.
    """
    import pandas as pd

    refuse_unknown(frame, dtypes)
    dtype_of = {**(fitted or {}), **dtypes}
    converted = {}
    for name in frame.columns:
        dtype = dtype_of.get(str(name))
        column = frame[name]
        if dtype in (*TEXT, "category:str"):
            converted[name] = column
        elif dtype is None or dtype == "category":
            converted[name] = _guessed(column, decimal_comma)
        else:
            loose = _numbers(column, decimal_comma, strict=False)
            converted[name] = column if dtype.startswith("datetime") or loose is None else loose
    native = {str(name): "category" for name in frame.columns if dtype_of.get(str(name), "").startswith("category")}
    return as_said(pd.DataFrame(converted, index=frame.index), native | dict(dtypes))


def as_said(frame: pd.DataFrame, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """A table whose columns have the types that are said; raises InputError where one cannot have it."""
    import pandas as pd

    refuse_unknown(frame, dtypes)
    for name, wanted in dtypes.items():
        column = frame[name]
        try:
            if wanted in TEXT:
                text: Any = column if _is_text(column) else column.map(str, na_action="ignore")
            elif wanted.startswith("datetime"):
                text = pd.to_datetime(column)
            elif wanted == "number":
                text = pd.to_numeric(column)
            elif wanted in ("bool", "boolean") and _is_text(column):
                text = column.map(TRUTHS)
                if text.isna().any():
                    raise ValueError(f"{column[text.isna()].iloc[0]!r} is neither True nor False")
                text = text.astype("bool")
            else:
                text = column.astype(cast(Any, wanted))
        except (ValueError, TypeError) as error:
            first = (str(error).splitlines() or [""])[0]
            raise InputError(f"data.dtypes: column {name!r} cannot be {wanted}: {first}") from error
        frame = frame.assign(**{name: text})
    return frame


def as_fitted(frame: pd.DataFrame, fitted: Mapping[str, str]) -> pd.DataFrame:
    """A table whose columns are texts or numbers as a model was fitted on them, where they can be; see Reading."""
    for name, kind in fitted.items():
        if name in frame.columns and kind in ("str", "category:str") and not _is_text(frame[name]):
            frame = frame.assign(**{name: frame[name].map(str, na_action="ignore")})
        elif name in frame.columns and kind == "number" and _is_text(frame[name]):
            numbers = _numbers(frame[name].astype(str), decimal_comma=False, strict=False)
            frame = frame if numbers is None else frame.assign(**{name: numbers})
    return frame


def refuse_unknown(frame: pd.DataFrame, dtypes: Mapping[str, str]) -> None:
    """Raise InputError for a type that is said of a column that is not there."""
    names = [str(name) for name in frame.columns]
    for name in dtypes:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(names[:12])}"
            raise InputError(f"data.dtypes: there is no column {name!r}; {hint}")


def _guessed(column: pd.Series[Any], decimal_comma: bool) -> pd.Series[Any]:
    known = column.dropna()
    if len(known) and known.isin(list(TRUTHS)).all():
        truths = column.map(TRUTHS)
        return truths.astype("bool") if len(known) == len(column) else truths.astype(object)
    found = _numbers(column, decimal_comma, strict=True)
    return column if found is None else found


def _numbers(column: pd.Series[Any], decimal_comma: bool, strict: bool) -> pd.Series[Any] | None:
    """The column as numbers; None where they would not be the same.  strict: nor written as they are."""
    import pandas as pd

    text = column.str.strip()
    hole = text.isna() | text.isin(HOLES)
    known = text[~hole]
    if not len(known):
        return column.astype("float64") if column.isna().all() and len(column) else None
    if decimal_comma and known.str.fullmatch(r"[+-]?\d+(?:,\d+)?").all() and known.str.contains(",", regex=False).any():
        text, known = text.str.replace(",", ".", regex=False), known.str.replace(",", ".", regex=False)
    if not known.str.fullmatch(NUMBER, case=False).all():
        return None
    whole = bool(known.str.fullmatch(r"[+-]?\d+").all())
    if strict and known.str.fullmatch(CODE).any():
        return None
    if whole and int(known.str.len().max()) > 18:  # beyond what 64 bits hold, digits would be lost
        return None
    numbers = pd.to_numeric(known)
    return numbers.astype("int64") if whole and not hole.any() else numbers.astype("float64").reindex(column.index)


def _is_text(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_string_dtype(column.dropna()))


def _text(path: Path, encoding: str | None) -> str:
    """The file's text: in the encoding that is said, else in UTF-8, or in UTF-16 where it begins so, else in that of
    Western Windows.
    """
    content = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError("it is no gzip file, or it is cut short: fetch it again") from error
    if encoding is not None:
        try:
            return content.decode(encoding)
        except LookupError as error:
            raise ValueError(f"data.encoding: {encoding!r} is no encoding: utf-8 or cp1252, say") from error
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace") if b"\0" not in content else content.decode("utf-8")


def _refuse_cut_off(text: str, separator: str) -> None:
    """Raise ValueError where the last line breaks off: pandas would fill it up with holes."""
    if text.endswith(("\n", "\r")) or '"' in text[-10_000:]:
        return
    lines = text.splitlines()
    if len(lines) > 2 and lines[-1].count(separator) < lines[0].count(separator):
        raise ValueError("its last line breaks off: the file is cut short, fetch it again")
