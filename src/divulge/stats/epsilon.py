"""Empirical lower bounds on the epsilon of (epsilon, delta)-differential privacy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from divulge.core.results.estimate import Rate
from divulge.stats.roc import OperatingPoint, Roc, allowed, at_most_fn, at_most_fp
from divulge.stats.thresholds import Curve, at_least, refuted_up_to

RATES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""Error rates at which the bound is tried, on either side; Bonferroni pays for trying."""

PAID = 2 * len(RATES)
"""Also where few trials make several rates one threshold, so that more trials are never worth less."""

MOST = 50.0


def epsilon_lower_bound(curve: Roc, delta: float, alpha: float) -> float:
    """The largest epsilon that the evidence excludes at confidence 1 - alpha; 0 when it excludes none.

    Any (epsilon, delta)-private training has TPR <= e^epsilon FPR + delta and TNR <= e^epsilon FNR + delta (Kairouz
    et al. 2015, theorem 2.1).  At each threshold the two counts are tested against that together, with the randomness
    of the threshold in it (stats.thresholds), so that the bound cannot pass the finite-sample ceiling.
    """
    return strongest(curve, lambda epsilon: _private(epsilon, delta), alpha)[0]


def epsilon_p_value(curve: Roc, delta: float, epsilon: float) -> float:
    """p-value of the hypothesis that the training was (epsilon, delta)-private: the smallest alpha at which the lower
    bound exceeds it.
    """
    points, law = tried(curve), _private(epsilon, delta)
    return min(1.0, PAID * min(at_least(_seen(inside, point), law) for inside, point in points))


def where_it_shows(curve: Roc, delta: float, alpha: float) -> tuple[bool, Rate, Rate]:
    """The operating point that gives the bound: whether members are named there, rather than others ruled out, and
    which share is, of those that it is true of and of those that it is not true of.
    """
    _, inside, seen = strongest(curve, lambda epsilon: _private(epsilon, delta), alpha)
    return inside, seen.tpr, seen.fpr


def tried(curve: Roc) -> list[tuple[bool, OperatingPoint]]:
    """The thresholds at which a bound is tried: whether members are named there, and the counts.  Rates that so few
    trials do not distinguish are tried once; which they are follows from the numbers of trials alone.
    """
    above = dict.fromkeys(max(allowed(curve.n_control, rate), 0) for rate in RATES)
    below = dict.fromkeys(max(allowed(curve.n_exposed, rate), 0) for rate in RATES)
    return [(True, at_most_fp(curve, k)) for k in above] + [(False, at_most_fn(curve, k)) for k in below]


def strongest(curve: Roc, law: Callable[[float], Curve], alpha: float) -> tuple[float, bool, OperatingPoint]:
    """The largest parameter of a trade-off that the counts exclude at alpha at any of the thresholds that are tried, 0
    where they exclude none and MOST at most, whether members are named there, and the counts.  The trade-off is the
    same with the arms exchanged, so that both sides are tested alike.
    """
    points, each = tried(curve), alpha / PAID
    best, where = 0.0, (points[0][0], _seen(*points[0]))
    for inside, point in points:
        seen = _seen(inside, point)
        if at_least(seen, law(best)) <= each:  # no other one can raise the bound
            best = refuted_up_to(lambda parameter, seen=seen: at_least(seen, law(parameter)), MOST, each, best)  # type: ignore[misc]
            where = (inside, seen)
    return best, *where


def _seen(inside: bool, point: OperatingPoint) -> OperatingPoint:
    """True negatives against false negatives where others are ruled out."""
    return point if inside else point.mirrored


def _private(epsilon: float, delta: float) -> Curve:
    """The most that a private training allows."""
    return lambda p: np.exp(epsilon) * p + delta


@cache
def ceiling(n_exposed: int, n_control: int, delta: float, alpha: float) -> float:
    """The largest bound that so many trials can give, reached by an attack that never errs."""
    return epsilon_lower_bound(perfect(n_exposed, n_control), delta, alpha)


def perfect(n_exposed: int, n_control: int) -> Roc:
    """Of an attack that never errs and to which all control trials are alike."""
    return Roc(np.array([0, n_exposed, n_exposed]), np.array([0, 0, n_control]), n_exposed, n_control)
