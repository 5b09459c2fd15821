"""What a function means that answers with labels: their names, or their codes."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array

SURE = 1e-3
"""Of two readings, the one that is right more often is meant where an accident is less probable than this."""


def key_of(label: object) -> object:
    """A label as what it says, so that 1, 1.0 and "1" are one, as files and libraries mix them; True is a word."""
    if isinstance(label, bool | np.bool_):
        return str(bool(label))
    if isinstance(label, Real):
        return float(label)
    try:
        return float(str(label))
    except ValueError:
        return str(label)


def listed(name: str, answer: object, records: int) -> list[object]:
    """The labels of an answer, one a record [records]; else TargetError."""
    array = np.asarray(answer)
    if array.shape == (records, 1):
        array = array[:, 0]
    if array.shape != (records,):
        raise TargetError(f"the model {name} answered with shape {array.shape}: {(records,)} was expected")
    return list(array.tolist())


def as_codes(answer: Sequence[object], width: int) -> Array | None:
    """The answers as class codes [records], where all of them can be: whole numbers below `width`."""
    keys = [float(v) if isinstance(v, bool | np.bool_) else key_of(v) for v in answer]
    whole = [key for key in keys if isinstance(key, float) and key.is_integer() and 0 <= key < width]
    return np.array(whole, dtype=np.int64) if len(whole) == len(keys) else None


def as_names(answer: Sequence[object], classes: Sequence[object]) -> Array | None:
    """The codes [records] of the labels that the answers name, where all of them name one."""
    place = {key_of(label): code for code, label in enumerate(classes)}
    keys = [key_of(v) for v in answer]
    return np.array([place[key] for key in keys], dtype=np.int64) if all(key in place for key in keys) else None


def by_name(name: str, answer: Sequence[object], classes: Sequence[object], y: Array) -> bool:
    """Whether answers about records of which the truth is known [records] are names and no codes.

    Raises TargetError where they are neither, and where both can be meant and the truth does not tell which.
    """
    from scipy.stats import binom

    codes, names = as_codes(answer, len(classes)), as_names(answer, classes)
    if codes is None or names is None:
        if codes is None and names is None:
            raise strange(name, answer, classes)
        return names is not None
    wins = int(((names == y) & (codes != y)).sum())
    losses = int(((codes == y) & (names != y)).sum())
    if np.array_equal(codes, names):
        return False
    if binom.sf(max(wins, losses) - 1, wins + losses, 0.5) > SURE:
        raise TargetError(
            f"the function {name} answers with numbers that can be labels or places of labels: let it return the "
            "labels as texts, or number the classes from 0"
        )
    return wins > losses


def strange(name: str, answer: Sequence[object], classes: Sequence[object]) -> TargetError:
    """What to say of an answer that is no label of the records."""
    place = {key_of(label) for label in classes}
    other = next((v for v in answer if key_of(v) not in place), answer[0] if answer else None)
    return TargetError(
        f"the function {name} answered {other!r}, and the classes are {', '.join(map(repr, list(classes)[:8]))}: name "
        "all that it can answer with classes= (data.classes in an audit file)"
    )
