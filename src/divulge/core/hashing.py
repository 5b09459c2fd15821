"""Content hashes and seeds derived from names, so that no result depends on the order of work."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.random import Generator

Array = np.ndarray[Any, np.dtype[Any]]


def digest(*parts: str | bytes | Array) -> str:
    """Hex digest (32 characters) of a sequence of strings, bytes and arrays; dtype and shape count."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            state.update(f"|{part.dtype.str}{part.shape}|".encode())
            if part.dtype == object:
                state.update(repr(part.tolist()).encode())
            else:
                state.update(np.ascontiguousarray(part).data)
        else:
            state.update(b"|" + (part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part))
    return state.hexdigest()


AT_ONCE = 10_000
"""Rows that are copied at once."""


def row_digests(rows: Array) -> list[bytes]:
    """A 16-byte digest for every row of `rows` [records, ...]; -0.0 and 0.0 are one value, and so are all NaN."""
    flat = rows.reshape(len(rows), -1)
    if flat.dtype == object:
        return [hashlib.blake2b(repr(row.tolist()).encode(), digest_size=16).digest() for row in flat]
    found: list[bytes] = []
    for start in range(0, len(flat), AT_ONCE):
        some = flat[start : start + AT_ONCE]
        if some.dtype.kind == "f":
            some = np.where(np.isnan(some), np.array(np.nan, dtype=some.dtype), some + 0.0)
        found += [hashlib.blake2b(row.data, digest_size=16).digest() for row in np.ascontiguousarray(some)]
    return found


def derived_seed(seed: int, *names: str) -> int:
    """A 32-bit seed for one named piece of work: equal names, equal seed, whatever ran before."""
    return int.from_bytes(hashlib.blake2b("\0".join((str(seed), *names)).encode(), digest_size=4).digest(), "big")


def derived_rng(seed: int, *names: str) -> Generator:
    """A generator for one named piece of work; see `derived_seed`."""
    return np.random.default_rng(derived_seed(seed, *names))
