"""Pairs of neighbouring data sets on which mechanisms usually give most away.

Records: numbers of which one is added, or changed from one end of the range to the other.  Answers: what queries with
sensitivity 1 say of two data sets that differ in one record, as in table 1 of Ding et al. 2018 (StatDP).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array

SIZE = 5
"""Records, or answers, of a pair that is named."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two data sets that differ by one record, each as the mechanism takes it."""

    name: str
    first: Any
    second: Any


def _ends(low: float, high: float, size: int) -> Mapping[str, tuple[Array, Array]]:
    """Of records between low and high."""
    bottom, top = np.full(size, low), np.full(size, high)
    return {
        "record added": (bottom, np.append(bottom, high)),
        "record added among high ones": (top, np.append(top, low)),
        "record changed": (bottom, np.append(bottom[1:], high)),
        "record changed among high ones": (top, np.append(top[1:], low)),
    }


def _answers(low: float, high: float, size: int) -> Mapping[str, tuple[Array, Array]]:
    """Of answers that one record moves by up to high - low each."""
    step, half = high - low, size // 2
    ones = np.full(size, low + step)
    first, rest = np.arange(size) == 0, np.arange(size) >= size - half
    return {
        "one above": (ones, ones + step * first),
        "one below": (ones, ones - step * first),
        "one above, rest below": (ones, ones + step * np.where(first, 1, -1)),
        "one below, rest above": (ones, ones + step * np.where(first, -1, 1)),
        "half below, half above": (ones, ones + step * np.where(rest, 1, -1)),
        "all above": (ones, ones + step),
        "crossed": (np.where(rest, low, low + step), np.where(rest, low + step, low)),
    }


SETS: Mapping[str, Callable[[float, float, int], Mapping[str, tuple[Array, Array]]]] = {
    "records": _ends,
    "answers": _answers,
}


def pairs(neighbors: Any, low: float = 0.0, high: float = 1.0, size: int = SIZE) -> list[Pair]:
    """The pairs that are meant: pairs, two data sets, the name of a pair, or `records` or `answers` for all of that
    kind.

    low, high: what a record, or the change of an answer, lies between.  Raises InputError for anything else.
    """
    if isinstance(neighbors, str):
        if not low < high or size < 2:
            raise InputError(f"neighbors: low {low:g}, high {high:g}, size {size}: low is below high, size 2 or more")
        known = {kind: make(low, high, size) for kind, make in SETS.items()}
        if neighbors in known:
            return [Pair(name, *both) for name, both in known[neighbors].items()]
        named = {name: both for each in known.values() for name, both in each.items()}
        if neighbors not in named:
            raise InputError(
                f"neighbors {neighbors!r} is unknown: choose records or answers, which try several, one of "
                f"{', '.join(named)}, or give two data sets"
            )
        return [Pair(neighbors, *named[neighbors])]
    if isinstance(neighbors, list) and neighbors and all(isinstance(each, Pair) for each in neighbors):
        return neighbors
    try:
        first, second = neighbors
    except (TypeError, ValueError):
        raise InputError("neighbors: give two data sets that differ by one record, (data, other), or a name") from None
    return [Pair("as given", first, second)]
