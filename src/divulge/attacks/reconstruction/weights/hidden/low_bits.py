"""Whether the low bits of weights are what training leaves there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array

FIELDS = {"float32": (np.uint32, 23), "float64": (np.uint64, 52)}
"""Types with low bits to spare: their integers, and bits of the mantissa."""

MOST, LAGS, PERIOD, NEIGHBORS = 500_000, 64, 8, 8
"""Weights that are looked at; how far back; the bits of a byte; bits of the same weight beside each bit."""

FEWEST, BLOCKS = 512, 16
"""Weights in a block; blocks, which are also joined two by two."""

SURE = 1e-6
"""Bound of the chance that a model whose low bits are noise, or rounded away, is said to carry something there."""

PLAIN = 4.0
"""Deviations up to which a bit is as a coin."""

LOWEST = 4
"""Bits of which one must be structured: what is hidden begins at the lowest, digits of small steps end above them."""

SPREAD = 1 / 16
"""Deviation of the weights of an array, by their mean, from which they count."""

WINDOW, USUAL, REPEATED = 6, 0.2, 8
"""Bits that are compared; the share of the weights of one size, and the number, from which they are alike."""

COARSE = 8
"""Trailing zeros of all weights of an array from which it is taken to be rounded."""


@dataclass(frozen=True)
class LowBits:
    """weights: looked at.  bound: of the probability of so many ones where nothing is hidden, over all that was
    compared.  bits: of each weight, from the lowest on, that are not as training leaves them; 0 for none.
    """

    weights: int
    bound: float
    bits: int

    @property
    def carry(self) -> bool:
        """Whether they carry something."""
        return self.bits > 0


def low_bits(arrays: list[Array]) -> LowBits:
    """Training leaves noise in the low bits of weights.  Rounding, a grid, weights that never moved or were set to
    zero, take ones away from them and add none: given whatever came before, a low bit is one with a probability of at
    most a half.  So ones in excess, given the place within a byte, bits of earlier weights or of the same one, are a
    sign that something was written there, with a bound on the error by Azuma's inequality (summed over all comparisons)
    that needs nothing of how weights are distributed.  Weights whose mantissas were seen before do not count, as
    quantised ones repeat themselves; nor do vectors and arrays that hardly left one value, such as scales of a
    normalisation; nor those of a size whose bits are alike, as after one step of the same length from weights on a
    grid.  Bits near the top tell of sizes and are structured in every model: above what is said to carry something
    there must be a bit like a coin.

    A sign and no proof: a model that was rounded and then trained for a few small steps carries the digits of these
    steps in its low bits.  What is encrypted or compressed is as noise, and not seen.
    """
    best = LowBits(0, 1.0, 0)
    for name, (whole, width) in FIELDS.items():
        parts = [part for part in arrays if part.dtype.name == name]
        for words, counts, strip in _streams(parts, whole, width):
            mantissas = (words & whole((1 << width) - 1)) >> whole(strip)
            found = _examined(mantissas, words >> whole(width), counts, width - strip)
            if found.bound < best.bound or not best.weights:
                best = found
    return best


def _streams(parts: list[Array], whole: type, width: int) -> Iterator[tuple[Array, Array, int]]:
    """Weights of arrays that are rounded alike, as integers, which of them count, and how many bits all lack."""
    of: dict[int, list[tuple[Array, bool]]] = {}
    for part in parts:
        kept = part[np.isfinite(part) & (part != 0)]
        spread = part.ndim > 1 and len(kept) > 1 and float(np.std(kept)) > SPREAD * abs(float(np.mean(kept)))
        bits = kept.view(whole)
        together = int(np.bitwise_or.reduce(bits)) & ((1 << width) - 1) if len(bits) else 0
        strip = (together & -together).bit_length() - 1 if together else width
        if len(bits) < LAGS:
            if strip >= COARSE:
                continue
            strip = 0  # few weights end in zeros by chance
        of.setdefault(strip, []).append((bits, spread))
    for strip, each in of.items():
        joined = np.concatenate([bits for bits, _ in each])[:MOST]
        counts = np.concatenate([np.full(len(bits), spread) for bits, spread in each])[:MOST]
        if len(joined) >= FEWEST and width - strip > NEIGHBORS:
            yield joined, counts, strip


def _examined(mantissas: Array, sizes: Array, counts: Array, width: int) -> LowBits:
    """Every low bit against all contexts, in the whole and in blocks."""
    fresh = np.zeros(len(mantissas), dtype=bool)
    fresh[np.unique(mantissas, return_index=True)[1]] = True
    fresh &= counts
    if fresh.sum() < FEWEST:
        return LowBits(int(fresh.sum()), 1.0, 0)
    planes = [((mantissas >> mantissas.dtype.type(k)) & mantissas.dtype.type(1)).astype(bool) for k in range(width - 2)]
    low = (len(planes) * 3) // 4
    edges = _edges(len(mantissas))
    excess, tests = [], 0
    for k in range(len(planes)):
        counting = fresh & ~_alike(mantissas, sizes, k)
        worst = np.zeros(2 * len(edges))
        for context in _contexts(planes, k, low):
            counted = context & counting
            seen, ones = (np.add.reduceat(part.astype(np.int64), edges) for part in (counted, counted & planes[k]))
            seen, ones = _joined(seen), _joined(ones)
            deviations = (2 * ones - seen) / np.sqrt(np.maximum(seen, 1))
            worst[: len(seen)] = np.maximum(worst[: len(seen)], deviations)
            tests += len(seen)
        excess.append(worst)
    table = np.stack(excess)  # [planes, blocks]
    bounds = tests * np.exp(-np.square(table) / 2)
    coins = table < PLAIN
    best, bits = 1.0, 0
    for block in range(table.shape[1]):
        for k in range(min(LOWEST, low)):
            if bounds[k, block] < min(best, SURE) and coins[k + 1 :, block].any():
                best = float(bounds[k, block])
                above = np.flatnonzero(coins[k + 1 :, block])
                bits = int(k + 1 + above[0])
    return LowBits(int(fresh.sum()), best, bits)


def _alike(mantissas: Array, sizes: Array, k: int) -> Array:
    """Weights whose bits from k on are those of many others of their sign and exponent: bool [weights]."""
    pattern = (mantissas >> mantissas.dtype.type(k)) & mantissas.dtype.type((1 << WINDOW) - 1)
    _, cell = np.unique(sizes, return_inverse=True)
    joint = cell.astype(np.int64) * (1 << WINDOW) + pattern.astype(np.int64)
    each, of = np.bincount(joint, minlength=(int(cell.max()) + 1) << WINDOW), np.bincount(cell)
    return np.asarray((each[joint] > USUAL * of[cell]) & (each[joint] >= REPEATED))


def _edges(count: int) -> Array:
    """Where blocks begin: [blocks]."""
    blocks = max(1, min(BLOCKS, 1 << max(0, (count // FEWEST).bit_length() - 1)))
    return np.linspace(0, count, blocks + 1).astype(int)[:-1]


def _joined(sums: Array) -> Array:
    """Of blocks, of two blocks, of four, and so on up to all."""
    found = [sums]
    while len(found[-1]) > 1:
        found.append(found[-1].reshape(-1, 2).sum(axis=1))
    return np.concatenate(found)


def _contexts(planes: list[Array], k: int, low: int) -> Iterator[Array]:
    """Places chosen by what came before bit k or lies below it: bool [weights]."""
    count = len(planes[k])
    yield np.ones(count, dtype=bool)
    place = np.arange(count) % PERIOD
    for residue in range(PERIOD):
        yield place == residue
    for lag in range(1, LAGS + 1):
        before = planes[k][:-lag]
        for value in (before, ~before):
            yield np.concatenate([np.zeros(lag, dtype=bool), value])
    for other in range(max(0, k - NEIGHBORS), k):
        yield planes[other]
        yield ~planes[other]
