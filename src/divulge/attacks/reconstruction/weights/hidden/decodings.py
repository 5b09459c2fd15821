"""Every way in which bytes or numbers could lie in a row of weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array

WIDTHS = {np.dtype(np.float16): np.uint16, np.dtype(np.float32): np.uint32, np.dtype(np.float64): np.uint64}
LOW = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32)
"""How many of the low bits of a weight are tried."""

MOST = 2_000_000
"""Bytes that are read of one decoding."""


@dataclass(frozen=True)
class RecordForm:
    """Of the records that are looked for.  low, high: ends of each input, [inputs]."""

    low: Array
    high: Array

    @property
    def width(self) -> int:
        """Inputs of a record."""
        return len(self.low)


def low_bit_streams(weights: Array) -> Iterator[tuple[str, Array]]:
    """Bytes in the lowest b bits of each weight, highest of them first or last, in bytes that begin at either end (Song
    et al. 2017, section 4.1).
    """
    words = weights.view(WIDTHS[weights.dtype])
    for count in LOW:
        if count > 8 * weights.dtype.itemsize // 2 + 4:
            continue
        some = words[: 8 * MOST // count]
        shifts = np.arange(count, dtype=words.dtype)
        for first, order in (("highest", shifts[::-1]), ("lowest", shifts)):
            bits = ((some[:, None] >> order) & words.dtype.type(1)).astype(np.uint8).ravel()
            yield from _bytes(bits, f"the lowest {count} bits" if count > 1 else "the lowest bit", first)


def sign_streams(weights: Array) -> Iterator[tuple[str, Array]]:
    """Bytes in the signs (section 4.3): positive for a one, or for a zero."""
    bits = (weights[: 8 * MOST] > 0).astype(np.uint8)
    yield from _bytes(bits, "signs", "highest")
    yield from _bytes(1 - bits, "signs, inverted", "highest")


def _bytes(bits: Array, where: str, first: str) -> Iterator[tuple[str, Array]]:
    for order in ("big", "little"):
        yield f"{where} ({first} first, {order})", np.packbits(bits, bitorder=order)[: len(bits) // 8]


def rows_of_bytes(stream: Array, form: RecordForm) -> Iterator[tuple[str, Array]]:
    """Records [n, inputs]: a byte for each input, as it is or as its share of the range, or a float in either order."""
    n = len(stream) // form.width
    if n:
        shares = stream[: n * form.width].reshape(n, form.width).astype(np.float64)
        if float(form.high.max()) > 2.0 and float(form.low.min()) >= 0:
            yield "bytes", shares
        yield "bytes of the whole range", _within(shares / 255, form, together=True)
        yield "bytes of each range", _within(shares / 255, form, together=False)
    for kind in ("<f4", ">f4", "<f8", "<f2"):
        size = np.dtype(kind).itemsize
        n = len(stream) // (size * form.width)
        if n:
            values = stream[: n * size * form.width].view(kind).reshape(n, form.width)
            with np.errstate(invalid="ignore", over="ignore"):
                wide = values.astype(np.float64)
            yield f"floats {kind}", wide


def rows_of_values(weights: Array, form: RecordForm) -> Iterator[tuple[str, Array]]:
    """Records whose inputs are the weights themselves up to a line (section 4.2: weights correlated with the data)."""
    n = len(weights) // form.width
    values = weights[: n * form.width].astype(np.float64).reshape(n, form.width)
    if not n:
        return
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    shares = (values - low) / np.where(high > low, high - low, 1.0)
    for name, part in (("values", shares), ("values, inverted", 1 - shares)):
        yield f"{name}, of the whole range", _within(part, form, together=True)
        yield f"{name}, of each range", _within(part, form, together=False)


def _within(shares: Array, form: RecordForm, together: bool) -> Array:
    low, high = (form.low.min(), form.high.max()) if together else (form.low, form.high)
    return np.asarray(low + shares * (high - low))


def text_in(stream: Array, least: int = 64) -> str:
    """The longest run of printable characters that is text, empty where none is of so many: words, not one sign again
    and again.  By chance a byte is printable in three of eight cases, and so many in a row once in 10^27.
    """
    printable = ((stream >= 32) & (stream < 127)) | (stream == 10) | (stream == 9)
    ends = np.flatnonzero(np.diff(np.concatenate([[0], printable.astype(np.int8), [0]])))
    if not len(ends):
        return ""
    starts, stops = ends[::2], ends[1::2]
    best = int(np.argmax(stops - starts))
    run = stream[starts[best] : stops[best]]
    return bytes(run).decode("ascii") if len(run) >= least and len(np.unique(run[:least])) >= VARIED else ""


VARIED = 8
"""Different characters among the first of a text."""
