"""Kinds of records that installed packages bring: how they are recognised, cut, told apart, and put into numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from divulge.core.errors import InputError, raised
from divulge.core.hashing import Array, digest
from divulge.core.plugins import loaded

GROUP = "divulge.data_kinds"
"""Entry point group in which an installed package announces kinds of records: name = 'package.module:KIND'."""

OWN = (
    "table",
    "frame",
    "array",
    "matrix",
    "tensor",
    "list",
    "mapping",
    "text",
    "tokens",
    "image",
    "npz",
    "csv",
    "parquet",
)
"""Names of what divulge reads itself."""


def _rows_of_list(records: Any, index: Array) -> Any:
    return [records[int(place)] for place in index]


def _lists_joined(parts: Sequence[Any]) -> Any:
    return [record for part in parts for record in part]


@dataclass(frozen=True)
class DataKind:
    """Records that are one thing each: graphs, recordings, sequences of events.

    A model is handed the very records.  divulge itself numbers them by what they contain, sees them through `features`,
    and never alters one.  Records that are rows of numbers need no kind: pass an array, or a data frame.
    """

    name: str
    """Of its entry point, and of the records in messages."""
    recognizes: Callable[[Any], bool]
    """Whether x, as a user passes it, is a set of such records.  Asked about lists, arrays of objects, and what divulge
    does not know; never about tables, numbers, tensors, or lists of texts."""
    contents: Callable[[Any], Sequence[bytes | str]]
    """Of x: one value a record, equal for equal records and the same in every process."""
    features: Callable[[Any], Array] | None = None
    """Of x: finite numbers [records, features] for guessers without the model, and for distances; None where nothing
    meaningful can be said in numbers, and then the model-blind baseline is not measurable."""
    take: Callable[[Any, Array], Any] = _rows_of_list
    """x and positions [rows]: those records, of the type of x; a list where nothing else is said."""
    joined: Callable[[Sequence[Any]], Any] = _lists_joined
    """Sets one after the other; a list where nothing else is said."""
    size: Callable[[Any], int] = len
    """How many records x holds."""
    suffixes: tuple[str, ...] = ()
    """Of files that `read` reads, '.jsonl' say; an audit file may then name them as members, nonmembers, population."""
    read: Callable[[Path], tuple[Any, Any]] | None = None
    """A file as (x, y), y [records]."""

    def keys(self, records: Any) -> list[bytes]:
        """One digest a record; raises InputError where there is not one for each."""
        contents = list(self.contents(records))
        if len(contents) != self.size(records):
            raise InputError(
                f"the data kind {self.name!r} told {len(contents)} contents of {self.size(records)} records"
            )
        return [digest(self.name, each).encode() for each in contents]

    def told(self, records: Any) -> Array | None:
        """The features, checked: finite float64 [records, features]."""
        if self.features is None:
            return None
        numbers = np.asarray(self.features(records), dtype=np.float64)
        if numbers.ndim != 2 or len(numbers) != self.size(records) or not np.isfinite(numbers).all():
            raise InputError(
                f"the data kind {self.name!r} gave features of shape {numbers.shape}: finite numbers of shape "
                f"({self.size(records)}, features) are needed"
            )
        return numbers


@cache
def kinds() -> dict[str, DataKind]:
    """Those that installed packages announce; raises InputError for one that cannot be loaded."""
    found = loaded(GROUP, DataKind, OWN, lambda kind: kind.name)
    for kind in found.values():
        taken = {".npz", ".csv", ".parquet"} & set(kind.suffixes)
        if taken:
            raise InputError(f"the data kind {kind.name!r} claims {', '.join(taken)}, which divulge reads itself")
    return found


def kind_of(records: Any) -> DataKind | None:
    """The announced kind that records are of; None for those that divulge knows itself.

    Raises InputError where a recogniser fails, and where two kinds claim the same records.
    """
    if not kinds() or _known(records):
        return None
    claims = []
    for kind in kinds().values():
        try:
            if kind.recognizes(records):
                claims.append(kind)
        except Exception as error:
            raise InputError(f"the data kind {kind.name!r} fails at recognising records: {raised(error)}") from error
    if len(claims) > 1:
        raise InputError(f"the data kinds {claims[0].name!r} and {claims[1].name!r} both claim these records")
    return claims[0] if claims else None


def reader_of(path: Path) -> DataKind | None:
    """The announced kind that reads such a file; None for files that divulge reads itself."""
    return next((kind for kind in kinds().values() if kind.read is not None and path.suffix in kind.suffixes), None)


def _known(records: Any) -> bool:
    """Whether divulge reads these records itself: no package changes what tables, numbers or texts mean."""
    import pandas as pd

    if isinstance(records, np.ndarray):
        return bool(records.dtype.kind != "O")
    if isinstance(records, list | tuple):
        return len(records) > 0 and all(isinstance(record, str | int | float) for record in records)
    foreign = type(records).__module__.startswith(("torch", "scipy.sparse"))
    return isinstance(records, pd.DataFrame) or foreign
