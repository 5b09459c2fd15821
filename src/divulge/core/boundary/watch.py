"""What a process that plays an audit lets another one know, which watches it: since when a model has been asked, which
attack is being played, and in which folder.

It is a page of memory that both share: the one writes, the other looks from time to time, and nobody waits.  Where
nobody watches, nothing is written.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_SIZE = 8192
_NUMBERS = struct.Struct("<ddd")  # asked since (0 where it is not), seconds and bytes that it may take (0 for any)
_TEXTS = {"place": 64, "attack": 4352}
_LONGEST = 3800


@dataclass
class Board:
    """The page.  died: attacks during which a process has died before, and how."""

    died: dict[str, str] = field(default_factory=dict)
    resumed: Path | None = None
    _page: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, _SIZE))
    _deep: int = 0

    def numbers(self) -> tuple[float, float, float]:
        """Since when a model has been asked, by the monotonic clock, and how many seconds and bytes it may take."""
        since, seconds, memory = _NUMBERS.unpack_from(self._page)
        return float(since), float(seconds), float(memory)

    def set_numbers(self, *values: float) -> None:
        """See numbers."""
        _NUMBERS.pack_into(self._page, 0, *values)

    def text(self, name: str) -> str:
        """`place` or `attack`; empty where there is none."""
        start = _TEXTS[name]
        return self._page[start : start + _LONGEST].split(b"\0")[0].decode("utf-8", "replace")

    def set_text(self, name: str, value: str) -> None:
        """See text.  What is too long to be written is left out."""
        shown = value.encode()
        start = _TEXTS[name]
        self._page[start : start + _LONGEST] = (shown if len(shown) < _LONGEST else b"").ljust(_LONGEST, b"\0")

    def clear(self) -> None:
        """For another process to write on."""
        self._page[:] = bytes(_SIZE)


_boards: list[Board] = []


def watched_by(board: Board | None) -> None:
    """Write on this page from now on; None for none."""
    _boards[:] = [] if board is None else [board]


def watcher() -> Board | None:
    """The page that is written on."""
    return _boards[0] if _boards else None


def limit(seconds: float, memory: float) -> None:
    """Let one question to a model take so many seconds, and the process so many bytes; 0 for any."""
    if board := watcher():
        board.set_numbers(board.numbers()[0], seconds, memory)


@contextmanager
def _as_before() -> Iterator[None]:
    """Put back what code that is not divulge's may change for the whole process, and that divulge's own relies on: the
    working directory, from which a run's folder may be named, and how deep calls may go.
    """
    folder, depth = _here(), sys.getrecursionlimit()
    try:
        yield
    finally:
        if folder is not None and _here() != folder:
            with suppress(OSError):
                os.chdir(folder)
        if sys.getrecursionlimit() != depth:
            with suppress(RecursionError):
                sys.setrecursionlimit(depth)


def _here() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None


@contextmanager
def asking() -> Iterator[None]:
    """While code runs that is not divulge's, and that may never come back."""
    with _as_before(), _timed():
        yield


@contextmanager
def _timed() -> Iterator[None]:
    board = watcher()
    if board is None:
        yield
        return
    _, seconds, memory = board.numbers()
    if not board._deep:
        board.set_numbers(time.monotonic(), seconds, memory)
    board._deep += 1
    try:
        yield
    finally:
        board._deep -= 1
        if not board._deep:
            board.set_numbers(0.0, seconds, memory)


def plays(place: Path) -> None:
    """From when it is known into which folder a run is played."""
    if board := watcher():
        board.set_text("place", str(place))


@contextmanager
def playing(place: Path, attack: str) -> Iterator[None]:
    """While one attack of a run is played."""
    if board := watcher():
        board.set_text("place", str(place))
        board.set_text("attack", attack)
    try:
        yield
    finally:
        if board:
            board.set_text("attack", "")


def died(attack: str) -> str | None:
    """How a process before this one died while it played an attack; None where none did."""
    board = watcher()
    return board.died.get(attack) if board else None
