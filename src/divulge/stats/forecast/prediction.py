"""What the next of several like things will be: an interval for one more value, not for their mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from divulge.core.hashing import Array

FEWEST = 4
"""Values from which a spread is estimated; of fewer, an interval would hold nearly everything."""


class Prediction(NamedTuple):
    """expected: the mean on the scale on which it was taken.  low, high: where one more value is expected."""

    expected: float
    low: float
    high: float


def next_share(values: Array, confidence: float, steps: int) -> Prediction:
    """Where one more share lies, in [0, 1], that is drawn as these were: mean -+ t s sqrt(1 + 1/n), with Student's t of
    n - 1 degrees of freedom, of arc sines of square roots, whose variance hardly depends on the share (Hahn and Meeker
    1991, section 4.7).

    values: [n], FEWEST at least.  steps: how fine a share is, 1 / steps: where all values agree the next may still
    differ by one step.  Raises ValueError for fewer values.
    """
    from scipy import stats

    n = len(values)
    if n < FEWEST:
        raise ValueError(f"{n} values are too few: the spread is estimated from at least {FEWEST}")
    scaled = np.arcsin(np.sqrt(np.clip(values, 0.0, 1.0)))
    center, spread = float(scaled.mean()), float(scaled.std(ddof=1))
    half = float(stats.t.isf((1 - confidence) / 2, n - 1)) * spread * np.sqrt(1 + 1 / n)
    low, high = (float(np.sin(np.clip(end, 0.0, np.pi / 2)) ** 2) for end in (center - half, center + half))
    low, high = min(low, float(values.min()) - 1 / steps), max(high, float(values.max()) + 1 / steps)
    return Prediction(float(np.sin(center) ** 2), max(0.0, low), min(1.0, high))


def coverage_of_range(n: int) -> float:
    """Probability that one more value lies between the smallest and the largest of n, whatever the distribution: at
    least (n - 1) / (n + 1), for values that could as well have come in another order (Wilks 1941).
    """
    return (n - 1) / (n + 1)
