"""Arrays too large to stay in memory: they lie in a file without a name, from which the system fetches what is used."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from divulge.core.hashing import Array

LARGE = 64 * 1024**2
"""Bytes, from which on an array is mapped."""

BLOCK = 4 * 1024**2


def room(shape: tuple[int, ...], dtype: DTypeLike, folder: Path | None = None) -> Array:
    """An array to be filled: in memory, or from LARGE bytes on mapped from a file that has no name any more, so that
    nobody can cut it short and nothing of it stays behind.

    folder: where the file is made; the system's for temporary files else, which may itself be in memory.  Where no disk
    has room for it the array is one in memory.
    """
    kind = np.dtype(dtype)
    size = kind.itemsize
    for extent in shape:
        size *= extent
    if size < LARGE:
        return np.empty(shape, kind)
    try:
        with tempfile.TemporaryFile(dir=folder if folder is not None and folder.is_dir() else None) as stream:
            _reserve(stream.fileno(), size)
            return np.memmap(stream, kind, "r+", shape=shape).view(np.ndarray)
    except OSError:
        return np.empty(shape, kind)


def kept(values: Array, folder: Path | None = None) -> Array:
    """The same values, mapped if they are many."""
    if values.nbytes < LARGE:
        return values
    copy = room(values.shape, values.dtype, folder)
    copy[...] = values
    return copy


def is_mapped(values: Array) -> bool:
    """Whether they lie in a file."""
    return isinstance(values.base, np.memmap)


def _reserve(handle: int, size: int) -> None:
    """Have the disk give all of it now: what it could not give later would end the process, not raise an error."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
        return
    for start in range(0, size, BLOCK):
        os.write(handle, b"\0" * min(BLOCK, size - start))
