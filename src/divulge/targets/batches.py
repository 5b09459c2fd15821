"""Models that take only so many records a call: they are asked in parts, whose size is found by trying."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.errors import FOREIGN
from divulge.core.hashing import Array

LARGEST = 4096
USUAL = (*range(1, 65), 80, 96, 100, 120, 128, 150, 160, 192, 200, 250, 256, 300, 384, 400, 500, 512, 1000, 1024)
"""Fixed sizes that are tried where neither the model nor its error says which it takes."""

Call = Callable[[Array | None], Any]
"""The answer about the records at these places; about all of them for None."""


@dataclass
class Batches:
    """How many records one model takes a call, as far as it was found out.

    most: None as long as no call was refused.  exact: whether it takes no fewer either.
    """

    most: int | None = None
    exact: bool = False
    hopeless: bool = False

    def __str__(self) -> str:
        """What is to be said of it; empty where it takes what it is given."""
        if self.most is None:
            return ""
        return f"{self.most} record{'s' * (self.most != 1)} a call" + (", no more and no fewer" if self.exact else "")

    def ask(self, records: int, call: Call, joined: Callable[[list[Any]], Any] | None = None) -> Any:
        """The answers about all records, in one call where the model takes them, else in parts, of which the last is
        filled up where their size is fixed.  joined: parts as one answer.

        Raises what the model raised where no size helps: then it is the records that it does not take.
        """
        together = joined or _joined
        if self.most is not None and (self.exact or records > self.most):
            return together(list(self._parts(records, call)))
        try:
            answer = call(None)
        except FOREIGN as error:
            if self.hopeless or isinstance(error, SystemExit):
                raise
            found = self._found(records, call, str(error))
            if found is None:
                raise
            return together(found)
        cut = _length(answer)
        if cut is None or not 1 < cut < records or not _same(answer, self._tried(np.arange(cut), call)):
            return answer
        self.most = cut  # what is beyond was left out without a word
        return together(list(self._parts(records, call)))

    def _parts(self, records: int, call: Call) -> Iterator[Any]:
        assert self.most is not None
        for start in range(0, records, self.most):
            places = np.arange(start, min(start + self.most, records))
            size = len(places)
            answer = call(np.resize(places, self.most) if self.exact else places)
            yield answer if size == len(answer) else answer[:size]

    def _found(self, records: int, call: Call, error: str) -> list[Any] | None:
        """The answers in parts of a size that is taken, found by halving, or among sizes that are usual."""
        size = records // 2
        while size >= 1 and self._tried(np.arange(size), call) is None:
            size //= 2
        if size >= 1:
            return self._settled(size, False, records, call)
        for size in _fixed(error):
            if size != records and self._tried(np.resize(np.arange(records), size), call) is not None:
                return self._settled(size, True, records, call)
        self.hopeless = True
        return None

    def _settled(self, size: int, exact: bool, records: int, call: Call) -> list[Any] | None:
        """The answers in parts of this size; None where one of them fails too, by what is in it then."""
        self.most, self.exact = size, exact
        try:
            return list(self._parts(records, call))
        except FOREIGN:
            self.most, self.exact = None, False
            return None

    def _tried(self, places: Array, call: Call) -> Any:
        try:
            answer = call(places)
        except FOREIGN:
            return None
        return answer if _length(answer) == len(places) else None


def _fixed(error: str) -> list[int]:
    """Sizes to try, those that an error names first."""
    named = [int(word) for word in re.findall(r"\d+", error) if len(word) <= 4]
    return list(dict.fromkeys(size for size in (*named, *USUAL) if 1 <= size <= LARGEST))


def _length(answer: Any) -> int | None:
    try:
        return len(answer)
    except TypeError:
        return None


def _same(one: Any, other: Any) -> bool:
    if other is None or isinstance(one, tuple):
        return False
    try:
        return np.array_equal(np.asarray(one)[: len(other)], np.asarray(other))
    except (ValueError, TypeError, IndexError):  # of unequal shapes, no arrays at all, or on another device
        return False


def _joined(parts: list[Any]) -> Any:
    """Parts one after the other: lists as lists, all else as arrays."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, list) for part in parts):
        return [row for part in parts for row in part]
    return np.concatenate([np.asarray(part) for part in parts])
