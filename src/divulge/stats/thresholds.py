"""What is known of both rates at a threshold that was put on an order statistic of the control arm.

The threshold is random: with k of n0 control trials above it, its true false positive rate is not fixed but
Beta(k + 1, n0 - k) distributed, whatever the scores are (Wilks 1942).  Everything here integrates over that, so that
one statement about both rates is exact and no error rate is split between them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.estimate import Rate
from divulge.stats.intervals import Interval
from divulge.stats.roc import OperatingPoint, Roc, at_least_fp, at_most_fp

Curve = Callable[[Array], Array]
"""True positive rates at false positive rates, the most or the least that a hypothesis allows; both [points]."""

POINTS = 257
NEGLIGIBLE = 30.0
"""Logarithm of how much less than the most a false positive rate may add to be left out."""

REMEMBERED = 8192
"""Integrals and curves: a run weighs every attack anew whenever one more has been played, mostly by the same numbers.
An integral is known by the curve's identity, so equal curves must be one object.
"""

OUTER, FAR = 1e-18, 1e-300
"""Tails of the false positive rate beyond which nothing is looked for, and the smallest p-value there is."""

SPENT = 0.5
"""Share of an interval's tail that the threshold itself may miss; the rest is left for those above it."""


def at_least(point: OperatingPoint, most: Curve) -> float:
    """p-value of the hypothesis that at no false positive rate the true positive rate exceeds `most`, which must not
    fall: how likely so many exposed trials are then above a threshold with so few control trials above it.

    P(Q <= most(P)) with P ~ Beta(fp + 1, n0 - fp) and Q ~ Beta(tp, n1 - tp + 1), which is the binomial tail at each P.
    For most(p) = p this is exactly Fisher's test of the two counts.  At a threshold that was fixed before anything was
    seen it is the melded test of Fay, Proschan and Brittain (2015).
    """
    return passes(point, most, (1.0, 0.0), (0.0, 1.0))


def at_most(point: OperatingPoint, least: Curve) -> float:
    """p-value of the hypothesis that the true positive rate is nowhere below `least`: how likely so few exposed trials
    are then at or above a threshold that so many control trials reach.

    point: counts at and above the threshold, which lies on the last of these control trials.
    """
    missed, below = (Rate(rate.trials - rate.successes, rate.trials) for rate in (point.tpr, point.fpr))
    return at_least(OperatingPoint(missed, below), _turned(least))


@lru_cache(maxsize=REMEMBERED)
def _turned(curve: Curve) -> Curve:
    """With the arms exchanged."""
    return lambda q: 1 - curve(1 - q)


@lru_cache(maxsize=REMEMBERED)
def passes(point: OperatingPoint, most: Curve, more: tuple[float, float], less: tuple[float, float]) -> float:
    """P(Q <= most(P)) of two beta variables, by the trapezoid rule over the logit of P where it adds anything.

    What is integrated is smooth and falls off on either side, so that equal steps are as good as exact.
    more, less: what is added to the counts, right and wrong, of P and of Q.
    """
    from scipy import special

    a, b = point.fpr.successes + more[0], point.fpr.trials - point.fpr.successes + more[1]
    right, wrong = point.tpr.successes + less[0], point.tpr.trials - point.tpr.successes + less[1]
    if right <= 0 or b <= 0:
        return 1.0
    low, high = float(special.betaincinv(a, b, OUTER)), float(special.betainccinv(a, b, FAR))
    low = max(low, FAR) if np.isfinite(low) else FAR  # scipy finds no quantile where nearly all is at one end
    high = min(high, 1 - 1e-16) if np.isfinite(high) else 1 - 1e-16

    def log_added(at: Array) -> Array:
        share = special.betainc(right, wrong, np.clip(most(special.expit(at)), 0.0, 1.0))
        density = a * special.log_expit(at) + b * special.log_expit(-at) - special.betaln(a, b)
        return np.asarray(density + np.log(np.maximum(share, FAR)))

    at = np.linspace(special.logit(low), special.logit(high), POINTS)
    for _ in range(2):  # twice: the first steps may be wider than what they look for
        added = log_added(at)
        counts = np.flatnonzero(added > added.max() - NEGLIGIBLE)
        at = np.linspace(at[max(counts[0] - 1, 0)], at[min(counts[-1] + 1, POINTS - 1)], POINTS)
    return float(min(1.0, max(FAR, np.trapezoid(np.exp(log_added(at)), at))))


@lru_cache(maxsize=REMEMBERED)
def named_above(rate: float, fpr: float) -> Curve:
    """The most that a concave ROC curve with a true positive rate of `rate` at `fpr` can have elsewhere."""
    return lambda p: rate * np.maximum(1.0, p / fpr)


@lru_cache(maxsize=REMEMBERED)
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
