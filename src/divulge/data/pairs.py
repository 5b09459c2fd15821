"""What a user passes as records, in the one form that is worked with: pairs of features and targets."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from divulge.core.errors import InputError, Notice
from divulge.core.records import Records
from divulge.core.wording import joined
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
    if not isinstance(value, tuple) or len(value) != 2:
        raise InputError(f"{name} must be a pair (x, y), or a data frame and its target column, not {_a(value)}")
    x, y = value
    if isinstance(x, pd.DataFrame) and isinstance(y, str):
        if y not in x.columns:
            raise InputError(f"{name}: there is no column {y!r}; the columns are {', '.join(map(str, x.columns[:12]))}")
        return x.drop(columns=y), x[y]
    if is_table(x) and isinstance(y, str):
        if y not in names_of(x):
            raise InputError(f"{name}: there is no column {y!r}; the columns are {', '.join(names_of(x)[:12])}")
        return without_column(x, y)
    return x, one_dimensional(y)


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
