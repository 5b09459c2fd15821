"""A first look with few queries, before many are spent: in which precision answers come, and whether they are made of
straight pieces at all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from divulge.core.errors import Impossible
from divulge.core.hashing import Array

TINY = 1e-6
"""Steps, as a share of an input's range, in which no answer in double precision can bend by as much as ROUNDED."""

ROUNDED = 2e-9
"""Of the size of the answers: single precision leaves about 3e-8, double precision 1e-16."""

SHORT = 3e-4
"""Steps in which a smooth answer bends by more than BENT, and hardly any neuron of ReLU switches."""

BENT = 1e-12
LINES, SPOTS, MOST_BENT = 2, 6, 4
"""Where it looks; at so many places a piece may be bent, or have no slope, by chance."""


def must_be_straight(f: Callable[[Array], Array], inputs: int, rng: Generator) -> None:
    """Raises Impossible where a function of [points, inputs] in [-1/2, 1/2] comes in single precision, changes in steps
    only, or bends nearly everywhere; 28 queries.
    """
    if max(_unevenness(f, inputs, rng, TINY, 5) for _ in range(LINES)) > ROUNDED:
        raise Impossible(
            "its answers come in single precision or are rounded: places where a neuron switches cannot be told exactly"
        )
    starts, along = rng.uniform(-0.5, 0.5, (SPOTS, inputs)), _directions(rng, SPOTS, inputs)
    points = starts[:, None] + SHORT * np.arange(3)[None, :, None] * along[:, None]
    values = f(points.reshape(-1, inputs)).reshape(SPOTS, 3, -1)
    flat = np.ptp(values, axis=1).max(axis=1) == 0
    size = max(float(np.abs(values).max()), 1e-300)
    bent = np.abs(values[:, 0] + values[:, 2] - 2 * values[:, 1]).max(axis=1) > BENT * size
    if (flat | bent).sum() <= MOST_BENT:
        return
    if flat.any():
        raise Impossible("its answers change in steps only, or are rounded: it is no network of ReLU in full precision")
    raise Impossible("its answers bend nearly everywhere: it is no network of ReLU")


def _unevenness(f: Callable[[Array], Array], inputs: int, rng: Generator, step: float, number: int) -> float:
    """How far answers in equal steps are from a line, as a share of their size."""
    t = step * np.arange(number)
    values = f(rng.uniform(-0.5, 0.5, inputs) + t[:, None] * _directions(rng, 1, inputs))
    wide = np.column_stack([t / step, np.ones(number)])
    left = values - wide @ np.linalg.lstsq(wide, values, rcond=None)[0]
    return float(np.abs(left).max() / max(float(np.abs(values).max()), 1e-300))


def _directions(rng: Generator, number: int, inputs: int) -> Array:
    along = rng.standard_normal((number, inputs))
    return np.asarray(along / np.linalg.norm(along, axis=1, keepdims=True) * np.sqrt(inputs) / 2)
