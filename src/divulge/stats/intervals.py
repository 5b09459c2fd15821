"""Intervals for rates and differences of rates, and the p-value that inverting a bound gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from divulge.core.results.estimate import Rate


class Interval(NamedTuple):
    """Lower and upper end."""

    low: float
    high: float


def clopper_pearson(rate: Rate, alpha: float) -> Interval:
    """Exact interval for a binomial rate at confidence 1 - alpha (Clopper and Pearson 1934)."""
    from scipy import special

    k, n = rate.successes, rate.trials
    low = float(special.betaincinv(k, n - k + 1, alpha / 2)) if k > 0 else 0.0
    high = float(special.betaincinv(k + 1, n - k, 1 - alpha / 2)) if k < n else 1.0
    return Interval(low, high)


def beta_interval(rate: Rate, alpha: float) -> Interval:
    """Where the true rate lies, with probability 1 - alpha, above a threshold just above one of the trials themselves:
    with k of n above it, it is Beta(k + 1, n - k) distributed.
    """
    from scipy import special

    k, n = rate.successes, rate.trials
    if k >= n:
        return Interval(1.0, 1.0)
    return Interval(*(float(special.betaincinv(k + 1, n - k, tail)) for tail in (alpha / 2, 1 - alpha / 2)))


def wilson(rate: Rate, alpha: float) -> Interval:
    """Score interval for a binomial rate (Wilson 1927)."""
    z = upper_quantile(alpha / 2)
    n, p = rate.trials, rate.value
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(max(0.0, float(center - half)), min(1.0, float(center + half)))


def newcombe(first: Rate, second: Rate, alpha: float) -> Interval:
    """Interval for first - second, two independent rates (Newcombe 1998, method 10: hybrid score)."""
    a, b = wilson(first, alpha), wilson(second, alpha)
    d = first.value - second.value
    low = d - np.hypot(first.value - a.low, b.high - second.value)
    high = d + np.hypot(a.high - first.value, second.value - b.low)
    return Interval(max(-1.0, float(low)), min(1.0, float(high)))


def upper_quantile(tail: float) -> float:
    """The value that a standard normal variable exceeds with this probability; exact for tiny ones too."""
    from scipy import special

    return -float(special.ndtri(tail))


def p_value(lower: Callable[[float], float], threshold: float) -> float:
    """The smallest alpha at which the lower bound `lower(alpha)` still exceeds `threshold`, by bisection in log alpha.

    1.0 where no alpha below 1 does.  Rejecting when it is at most 0.05 is the same as the 95 % bound exceeding.
    """
    high, low = np.log(0.999), np.log(1e-300)
    if lower(float(np.exp(high))) <= threshold:
        return 1.0
    if lower(float(np.exp(low))) > threshold:
        return float(np.exp(low))
    while high - low > 1e-3:
        middle = (high + low) / 2
        if lower(float(np.exp(middle))) > threshold:
            high = middle
        else:
            low = middle
    return float(np.exp(high))
