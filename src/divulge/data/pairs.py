"""What a user passes as records, in the one form that is worked with: pairs of features and targets."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from divulge.core.errors import InputError, Notice
from divulge.core.records import Records
from divulge.core.wording import joined
from divulge.data.given import length_of, several
from divulge.data.tables import is_table, names_of, without_column

if TYPE_CHECKING:
    import pandas as pd

SIGNS = re.compile(r"\W")
"""What libraries of trees replace in the names of columns."""


def as_pairs(given: Mapping[str, Any], fitted: Sequence[str] | None = None, keep: Iterable[str] = ()) -> dict[str, Any]:
    """Each set as a pair (x, y), or as the Records that it is; None stays None.

    given: by name, a pair; a pair of a whole data frame and the name of its target column; or Records.  y may be a
    frame of one column, or an array [records, 1].
    fitted: the columns that the model was fitted on, where it knows; those that it was not fitted on are left out, an
    index that was written as a column say.  keep: columns that are needed all the same.
    Raises InputError for what is no pair, and for a target column that is not there.
    """
    import pandas as pd

    pairs = {name: _pair(name, value) for name, value in given.items()}
    frames = {
        name: pair[0] for name, pair in pairs.items() if isinstance(pair, tuple) and isinstance(pair[0], pd.DataFrame)
    }
    kept = used(frames, fitted, keep)
    return {name: (kept[name], pair[1]) if name in kept else pair for name, pair in pairs.items()}


def used(frames: Mapping[str, pd.DataFrame], fitted: Sequence[str] | None, keep: Iterable[str]) -> dict[str, Any]:
    """The same tables without columns that the model was not fitted on; a Notice names what is left out.  Where a model
    does not know, it is handed all that its owner gave.
    """
    if fitted is None or not frames:
        return dict(frames)
    known = {SIGNS.sub("_", name) for name in (*fitted, *keep)}
    shared = set.intersection(*({str(name) for name in frame.columns} for frame in frames.values()))
    surplus = [str(name) for name in next(iter(frames.values())).columns if str(name) in shared]
    surplus = [name for name in surplus if SIGNS.sub("_", name) not in known]
    if not surplus or any(len(surplus) == len(frame.columns) for frame in frames.values()):
        return dict(frames)  # where all names are other ones, that is an error, and the target says so
    some = joined([repr(name) for name in surplus[:5]]) + (f" and {len(surplus) - 5} more" if surplus[5:] else "")
    them = "them" if len(surplus) > 1 else "it"
    warnings.warn(f"left out: {some} (the model was not fitted on {them})", Notice, stacklevel=2)
    return {name: frame[[c for c in frame.columns if str(c) not in surplus]] for name, frame in frames.items()}


def _pair(name: str, value: Any) -> Any:
    import pandas as pd

    if value is None or isinstance(value, Records):
        return value
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise InputError(f"{name} must be a pair (x, y), or a data frame and its target column, {_not(value)}")
    x, y = value
    if isinstance(y, str) and hasattr(x, "to_pandas") and not is_table(x):  # of a library that is not known
        x = x.to_pandas()
    if isinstance(y, list) and len(y) == 1 and isinstance(y[0], str):
        y = y[0]
    if isinstance(x, pd.DataFrame) and (isinstance(y, str) or (isinstance(y, int) and len(x) != 1)):
        if y not in x.columns:
            raise InputError(f"{name}: there is no column {y!r}; the columns are {', '.join(map(str, x.columns[:12]))}")
        return x.drop(columns=y), x[y]
    if is_table(x) and isinstance(y, str):
        if y not in names_of(x):
            raise InputError(f"{name}: there is no column {y!r}; the columns are {', '.join(names_of(x)[:12])}")
        return without_column(x, y)
    if hasattr(x, "collect") and isinstance(y, str) and not hasattr(x, "shape"):
        raise InputError(f"{name}: a {type(x).__name__} holds no rows yet: pass (x.collect(), {y!r})")
    y = one_dimensional(y)
    if y is None or isinstance(y, str | int | float):
        raise InputError(
            f"{name}: y is {'missing' if y is None else repr(y)}: pass one label, or value, for every record, (x, y); "
            "a column is named where x is a data frame that holds it"
        )
    x = several(x, length_of(y))
    if getattr(x, "ndim", 2) == 1 and getattr(y, "ndim", 1) > 1:
        raise InputError(f"{name}: y has {y.ndim} dimensions and x one: they are exchanged, pass (x, y)")
    return x, y


def _not(value: Any) -> str:
    """What was given in place of a pair, and how it becomes one."""
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return "not a DataFrame alone: (frame, 'column') says which of its columns is predicted"
    if isinstance(value, str | PurePath):
        return f"not a {type(value).__name__}: read it, (pd.read_csv(...), 'column') say, or name it in an audit file"
    if isinstance(value, Mapping):
        return f"not {_a(value)} of {', '.join(map(repr, list(value)[:4]))}: pass (x, y) of what is in it"
    if isinstance(value, list | tuple):
        return f"not {_a(value)} of {len(value)}: two things are meant, (x, y)"
    if isinstance(value, np.ndarray) and value.ndim == 1:
        cut = "members=(x[mask], y[mask]), nonmembers=(x[~mask], y[~mask])"
        return f"not an array of one dimension: where it is a mask that says who is a member, {cut}"
    if isinstance(value, np.ndarray):
        return "not an array alone: (x, y) says what is right for each of its records"
    return f"not {_a(value)}"


def one_dimensional(y: Any) -> Any:
    """Targets [records] where they were given as one column; anything else as it is."""
    import pandas as pd

    if isinstance(y, pd.DataFrame):
        return y.iloc[:, 0] if y.shape[1] == 1 else y
    if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1:
        return y.reshape(-1)
    return y


def _a(value: Any) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
