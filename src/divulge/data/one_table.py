"""Tables of several sets as one: the same columns, and one type each."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from divulge.core.errors import InputError, Notice, raised
from divulge.data.given import stacked
from divulge.data.tables import names_of

if TYPE_CHECKING:
    import pandas as pd


def one_table(tables: Sequence[Any]) -> Any:
    """All rows in one table of another library than pandas, which must have the same columns in the same order."""
    names = names_of(tables[0])
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise InputError(f"two columns are called {twice!r}: give each a name of its own")
    for table in tables[1:]:
        odd = sorted(set(names_of(table)) ^ set(names))
        if odd:
            raise InputError(f"the tables have different columns ({', '.join(odd[:5])}): give all of them the same")
    try:
        return stacked([tables[0], *(table.select(names) for table in tables[1:])])
    except Exception as error:  # of the library: columns of other types
        raise InputError(
            f"the tables cannot be put together ({raised(error)}): give all of them the same types"
        ) from error


def one_frame(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All rows in one frame, with the columns in the first one's order and one type each."""
    import pandas as pd

    names = list(frames[0].columns)
    twice = next((name for name, times in Counter(map(str, names)).items() if times > 1), None)
    if twice is not None:
        raise InputError(f"two columns are called {twice!r}: give each a name of its own")
    for frame in frames[1:]:
        odd = sorted(set(map(str, frame.columns)) ^ set(map(str, names)))
        if odd:
            raise InputError(f"the tables have different columns ({', '.join(odd[:5])}): give all of them the same")
    if len(frames) == 1:
        return frames[0]
    ordered = [frame[names] for frame in frames]
    for name in names:
        types: list[Any] = [frame[name].dtype for frame in ordered]
        if all(t == types[0] for t in types):
            continue
        if all(isinstance(t, pd.CategoricalDtype) for t in types):
            how, what = "the members' list, with what it lacks behind it", "has other categories"
            shared: Any = pd.CategoricalDtype(_union([t.categories for t in types]), types[0].ordered)
            ordered = [frame.assign(**{name: frame[name].astype(shared)}) for frame in ordered]
        else:
            together: Any = pd.concat([frame[name].iloc[:0] for frame in ordered])
            how, what = str(together.dtype), "is of another type"
        difference = f"column {name!r} {what} in one set than in another, and the model is handed {how}"
        warnings.warn(f"{difference}: give all sets the type of the training", Notice, stacklevel=4)
    return pd.concat(ordered)


def _union(categories: Sequence[pd.Index[Any]]) -> pd.Index[Any]:
    """The categories of all: the first list, whose codes stay what they are, then what it lacks."""
    together = categories[0]
    for other in categories[1:]:
        together = together.append(other[~other.isin(together)])
    return together
