"""What is known of both rates at a threshold that was put on an order statistic of the control arm.

The threshold is random: with k of n0 control trials above it, its true false positive rate is not fixed but
Beta(k + 1, n0 - k) distributed, whatever the scores are (Wilks 1942).  Everything here integrates over that, so that
one statement about both rates is exact and no error rate is split between them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from divulge.core.hashing import Array
from divulge.stats.intervals import Interval
from divulge.stats.roc import OperatingPoint, Roc, at_least_fp, at_most_fp

Curve = Callable[[Array], Array]
"""True positive rates at false positive rates, the most or the least that a hypothesis allows; both [points]."""

NODES = 257
FAR, NEAR = 1e-16, 1e-8
"""Tails of the false positive rate that are left out: on the side on which what was seen is likely, where the tail is
added to p-values, and on the other, where what is left out could only have lowered them.
"""

SPENT = 0.5
"""Share of an interval's tail that the threshold itself may miss; the rest is left for those above it."""


def at_least(point: OperatingPoint, most: Curve) -> float:
    """p-value of the hypothesis that at no false positive rate the true positive rate exceeds `most`: how likely so
    many exposed trials are then above a threshold with so few control trials above it.

    For most(p) = p this is a beta-binomial tail and exactly Fisher's test of the two counts.
    """
    k, n0 = point.fpr.successes, point.fpr.trials
    m, n1 = point.tpr.successes, point.tpr.trials
    if m == 0:
        return 1.0
    from scipy import special

    grid, weight = _grid(k, n0, upper=_meets(most, m / n1))
    return float(min(1.0, (weight * special.betainc(m, n1 - m + 1, np.clip(most(grid), 0.0, 1.0))).sum() + FAR))


def at_most(point: OperatingPoint, least: Curve) -> float:
    """p-value of the hypothesis that the true positive rate is nowhere below `least`: how likely so few exposed trials
    are then at or above a threshold that so many control trials reach.

    point: counts at and above the threshold, which lies on the last of these control trials.
    """
    from scipy import special

    k, n0 = point.fpr.successes, point.fpr.trials
    m, n1 = point.tpr.successes, point.tpr.trials
    if m == n1:
        return 1.0
    grid, weight = _grid(k - 1, n0, lower=_meets(least, m / n1))
    return float(min(1.0, (weight * special.betaincc(m + 1, n1 - m, np.clip(least(grid), 0.0, 1.0))).sum() + FAR))


def _meets(curve: Curve, seen: float) -> float:
    """The lowest false positive rate at which a hypothesis makes what was seen likely."""
    from scipy import special

    probe = special.expit(np.linspace(-36, 12, 481))
    likely = curve(probe) >= seen
    return float(probe[int(np.argmax(likely))]) if likely.any() else float(probe[-1])


def _grid(k: int, n0: int, lower: float = 1.0, upper: float = 0.0) -> tuple[Array, Array]:
    """False positive rates [NODES], and weights of the density of Beta(k + 1, n0 - k) there that sum to one: equal
    steps of the log-odds, over the bulk of it and on to `lower` or `upper`.
    """
    from scipy import special

    a, b = k + 1.0, float(n0 - k)
    low = min(float(special.betaincinv(a, b, NEAR if lower == 1 else FAR)), lower)
    high = max(1 - float(special.betaincinv(b, a, NEAR if upper == 0 else FAR)), upper)
    odds = np.linspace(special.logit(max(low, 1e-300)), special.logit(min(high, 1 - 1e-12)), NODES)
    log_density = a * special.log_expit(odds) + b * special.log_expit(-odds)
    weight = np.exp(log_density - log_density.max())
    return special.expit(odds), weight / weight.sum()


def named_above(rate: float, fpr: float) -> Curve:
    """The most that a concave ROC curve with a true positive rate of `rate` at `fpr` can have elsewhere."""
    return lambda p: rate * np.maximum(1.0, p / fpr)


def named_below(rate: float, fpr: float) -> Curve:
    """The least that it can have elsewhere."""
    return lambda p: rate * np.minimum(1.0, p / fpr)


def tpr_interval(curve: Roc, fpr: float, alpha: float) -> Interval:
    """Interval at confidence 1 - alpha for the true positive rate at a false positive rate of `fpr`.

    Each end is a test at a threshold chosen by the number of control trials alone.  The lower one stands where its
    false positive rate is at most `fpr` except with probability SPENT alpha / 2, with no control trial above it if that
    does not suffice; the upper one where it is at least `fpr`.  Beyond `fpr` the curve is held to rise no faster than
    in proportion, as a concave one does, and as that of every adversary who may name some of those above the threshold
    by lot.
    """
    from scipy import stats

    n0, tail = curve.n_control, SPENT * alpha / 2
    strict = int(stats.binom.ppf(tail, n0, fpr))  # bdtr(strict) >= tail, so that one less keeps it
    loose = int(stats.binom.isf(tail, n0, fpr))  # P(X > loose) <= tail
    low = tpr_low(at_most_fp(curve, max(strict - 1, 0)), fpr, alpha)
    return Interval(low, tpr_high(at_least_fp(curve, min(loose + 1, n0)), fpr, alpha))


def tpr_low(point: OperatingPoint, fpr: float, alpha: float) -> float:
    """The largest true positive rate at `fpr` that the counts at one threshold refute at alpha / 2."""
    return refuted_up_to(lambda rate: at_least(point, named_above(rate, fpr)), point.tpr.value, alpha / 2)


def tpr_high(point: OperatingPoint, fpr: float, alpha: float) -> float:
    """The smallest one such that they refute it and all greater ones; the point is one for `at_most`."""
    lost = 1 - point.tpr.value
    return 1 - refuted_up_to(lambda rest: at_most(point, named_below(1 - rest, fpr)), lost, alpha / 2)


def refuted_up_to(p: Callable[[float], float], most: float, alpha: float, least: float = 0.0) -> float:
    """The largest number between `least` and `most` up to which the p-value, which rises with it, is at most alpha;
    `least` where it is nowhere.
    """
    from scipy import optimize

    def excess(number: float) -> float:
        return float(np.log(p(number)) - np.log(alpha))

    if most <= least or excess(least) > 0:
        return least
    if excess(most) <= 0:
        return most
    return float(optimize.brentq(excess, least, most, xtol=1e-6 * most, rtol=1e-7))
