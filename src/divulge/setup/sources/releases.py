"""The records of an audit of what makes records: tables with or without a target, and what was released beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.releases import ShowsCounts
from divulge.core.capability.targets import Released
from divulge.core.errors import InputError, TargetError
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.data.arrays import from_arrays
from divulge.data.given import length_of
from divulge.data.pairs import as_pairs
from divulge.setup.sources.groups import Labels, columns_apart
from divulge.setup.sources.sets import Sets
from divulge.targets.generated import LARGEST

if TYPE_CHECKING:
    import pandas as pd

    from divulge.setup.audit_file import DataPart

DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?")
"""Days and times in ISO form, which are quantities wherever a whole column is written so."""


def sets_of_release(
    target: Target, given: Mapping[str, Any], classes: Sequence[Any] | None = None, sensitive: Iterable[str] = ()
) -> Sets:
    """Members, non-members and population under the schema that they have together with what was released.

    given: by name, tables (data frames, arrays), or pairs (x, y) throughout, or Records.
    """
    there = {name: value for name, value in given.items() if value is not None}
    if all(isinstance(value, Records) for value in there.values()):
        return fitting(target, Sets(given["members"], given["nonmembers"], given.get("population")))
    bare = {name for name, value in there.items() if not isinstance(value, tuple | Records)}
    if bare and len(bare) < len(there):
        other = next(name for name in there if name not in bare)
        raise InputError(f"{min(bare)} is a table and {other} a pair (x, y): give all sets in one way")
    released = target.table if able(target, Released) else None
    _sound({"the release": released, **{f"the {name} table": value for name, value in there.items()}})
    if bare:
        return fitting(target, _unlabeled(there, released, sensitive))
    pairs = as_pairs(there)
    if released is not None:
        x, y = _pair_of(released, given["members"])
        pairs["released"] = _typed(x, pairs["members"][0]), y
    name = given["members"][1] if isinstance(given["members"][1], str) else "y"
    made = from_arrays(list(pairs.values()), classes=classes or None, sensitive=sensitive, target=name)
    return fitting(target, _sets(made, pairs))


def tables_of_release(target: Target, tables: Mapping[str, Any], part: DataPart) -> tuple[Sets, Labels | None]:
    """The same from tables of an audit file, and whose records they are; `data.target` may be left out."""
    labels: Labels | None = None
    frames = dict(tables)
    if isinstance(part.groups, str):
        without, labels = columns_apart(list(frames.values()), part.groups, target, "data.groups")
        frames = dict(zip(frames, without, strict=True))
    given: dict[str, Any] = dict(frames)
    if part.target is not None:
        lacking = next((name for name, frame in frames.items() if part.target not in frame.columns), None)
        if lacking is not None:
            columns = ", ".join(map(str, frames[lacking].columns[:12]))
            raise InputError(f"data.{lacking}: there is no target column {part.target!r}; the columns are {columns}")
        given = {name: (frame, part.target) for name, frame in frames.items()}
    given.setdefault("population", None)
    return sets_of_release(target, given, part.classes, part.sensitive), labels


def _unlabeled(tables: Mapping[str, Any], released: Any, sensitive: Iterable[str]) -> Sets:
    if isinstance(released, tuple):
        raise InputError("the released table is a pair (x, y) and the records are tables: give all of them in one way")
    everything = dict(tables) if released is None else {**tables, "released": _typed(released, tables["members"])}
    dated = _dated(everything)
    pairs = {name: (table, np.zeros(length_of(table), dtype=np.int64)) for name, table in dated.items()}
    return _sets(from_arrays(list(pairs.values()), sensitive=sensitive, labeled=False), pairs)


def fitting(target: Target, sets: Sets) -> Sets:
    """The same sets, once published counts were compared with them; raises InputError where they do not fit."""
    if able(target, ShowsCounts):
        try:
            target.counts(sets.members.schema)
        except TargetError as error:
            raise InputError(str(error)) from error
    return sets


def _sound(tables: Mapping[str, Any]) -> None:
    """Raises InputError where a table (data frames are looked at, alone or in a pair) cannot be compared with others:
    columns of one name, several values in a cell, infinite or huge numbers, columns that the first lacks or has alone.
    """
    import pandas as pd

    frames = {name: table[0] if isinstance(table, tuple) else table for name, table in tables.items()}
    frames = {name: frame for name, frame in frames.items() if isinstance(frame, pd.DataFrame)}
    for name, frame in frames.items():
        twice = frame.columns[frame.columns.duplicated()]
        if len(twice):
            raise InputError(f"two columns of {name} are called {twice[0]!r}: give each a name of its own")
        for column in frame.columns:
            _sound_column(frame[column], f"column {column!r} of {name}")
    if "the release" in frames and not isinstance(tables["the release"], tuple):
        _same_columns(frames, tables)


def _sound_column(values: pd.Series[Any], whose: str) -> None:
    import pandas as pd

    if values.dtype == object:
        several = next((v for v in values if isinstance(v, list | tuple | set | dict | np.ndarray)), None)
        if several is not None:
            raise InputError(f"{whose} holds a {type(several).__name__} in a cell: give one value a cell")
    elif pd.api.types.is_float_dtype(values.dtype):
        largest = float(np.nanmax(np.abs(values.to_numpy(dtype=np.float64, na_value=np.nan)), initial=0.0))
        if np.isinf(largest):
            raise InputError(f"{whose} has infinite values: leave such cells empty, or give a number")
        if largest > LARGEST:
            raise InputError(f"{whose} has values beyond {LARGEST:.0e}: give them in another unit")


def _same_columns(frames: Mapping[str, Any], tables: Mapping[str, Any]) -> None:
    """The release has the columns of the members, who say which there are, no more and no fewer."""
    real = frames.get("the members table")
    if real is None or isinstance(tables["the members table"], tuple):
        return
    released = frames["the release"]
    lacks = [name for name in real.columns if name not in released.columns]
    more = [name for name in released.columns if name not in real.columns]
    if not lacks and not more:
        return
    said = [f"lacks {', '.join(map(repr, lacks[:5]))}"] if lacks else []
    said += [f"has {', '.join(map(repr, more[:5]))}, which the members lack"] if more else []
    cure = "rename them" if lacks and more else "leave those columns out of the other tables" if lacks else "drop them"
    raise InputError(f"the release {' and '.join(said)}: {cure}, so that all tables have the same columns")


def _sets(records: Sequence[Records], names: Iterable[str]) -> Sets:
    found = dict(zip(names, records, strict=True))
    return Sets(found["members"], found["nonmembers"], found.get("population"))


def _pair_of(released: Any, members: Any) -> Any:
    """A released table as the members are: with its target apart."""
    if isinstance(released, tuple):
        return released
    column = members[1] if isinstance(members[1], str) else getattr(members[1], "name", None)
    if column is None or not hasattr(released, "columns") or column not in released.columns:
        named = f" {column!r}" if column is not None else ""
        raise InputError(
            f"the released table has no target column{named}: give it as a pair (x, y), or all sets as tables"
        )
    return released.drop(columns=column), released[column]


def _typed(released: Any, real: Any) -> Any:
    """A released table with the types of the real one, where that alters no value: whole numbers come as floats."""
    import pandas as pd

    if not isinstance(released, pd.DataFrame) or not isinstance(real, pd.DataFrame):
        return released
    changed = {}
    for name in released.columns:
        if name in real.columns and released[name].dtype != real[name].dtype:
            words = released[name].map({"True": True, "False": False, "true": True, "false": False})
            if real[name].dtype == bool and not words.isna().any():
                changed[name] = words.astype(bool)
                continue
            try:
                cast = released[name].astype(real[name].dtype)
                same = bool((cast.astype(object) == released[name].astype(object)).all())
            except (ValueError, TypeError):
                continue
            if same:
                changed[name] = cast
    return released.assign(**changed) if changed else released


def _dated(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The same tables, with columns of written days as times in all of them."""
    import pandas as pd

    frames = [table for table in tables.values() if isinstance(table, pd.DataFrame)]
    if len(frames) < len(tables):
        return dict(tables)
    shared = [name for name in frames[0].columns if all(name in frame.columns for frame in frames)]
    days = [name for name in shared if all(_written_days(frame[name]) for frame in frames)]
    return {
        key: frame.assign(**{name: pd.to_datetime(frame[name], format="ISO8601") for name in days}) if days else frame
        for key, frame in tables.items()
    }


def _written_days(values: pd.Series[Any]) -> bool:
    known = values[values.notna()]
    return len(known) > 0 and all(isinstance(value, str) and DATE.fullmatch(value) is not None for value in known)
