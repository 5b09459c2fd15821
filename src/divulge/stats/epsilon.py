"""Empirical lower bounds on the epsilon of (epsilon, delta)-differential privacy."""

from __future__ import annotations

import numpy as np

from divulge.core.results.estimate import Rate
from divulge.stats.intervals import clopper_pearson
from divulge.stats.roc import OperatingPoint, Roc, at_fnr, at_fpr

RATES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""Error rates at which the bound is tried, on either side; Bonferroni pays for trying."""


def epsilon_lower_bound(curve: Roc, delta: float, alpha: float) -> float:
    """The largest epsilon that the evidence excludes at confidence 1 - alpha; 0 when it excludes none.

    Any (epsilon, delta)-private training has TPR <= e^epsilon FPR + delta and TNR <= e^epsilon FNR + delta (Kairouz
    et al. 2015, theorem 2.1).  Exact intervals on both rates, so the bound cannot pass the finite-sample ceiling.
    """
    return max(0.0, *(bound for bound, _, _ in _bounds(curve, delta, alpha)))


def where_it_shows(curve: Roc, delta: float, alpha: float) -> tuple[bool, Rate, Rate]:
    """The operating point that gives the bound: whether members are named there, rather than others ruled out, and
    which share is, of those that it is true of and of those that it is not true of.
    """
    _, inside, point = max(_bounds(curve, delta, alpha), key=lambda each: each[0])
    if inside:
        return True, point.tpr, point.fpr
    right, wrong = (Rate(rate.trials - rate.successes, rate.trials) for rate in (point.fpr, point.tpr))
    return False, right, wrong


def _bounds(curve: Roc, delta: float, alpha: float) -> list[tuple[float, bool, OperatingPoint]]:
    """The bound at each of the operating points, from both sides."""
    each = alpha / (2 * len(RATES))
    above = [(True, at_fpr(curve, rate)) for rate in RATES]
    below = [(False, at_fnr(curve, rate)) for rate in RATES]
    return [(_bound(p, delta, each), s, p) for s, p in above] + [(_mirrored(p, delta, each), s, p) for s, p in below]


def _bound(point: OperatingPoint, delta: float, alpha: float) -> float:
    tpr_low = clopper_pearson(point.tpr, alpha).low
    fpr_high = clopper_pearson(point.fpr, alpha).high
    return float(np.log((tpr_low - delta) / fpr_high)) if tpr_low > delta else 0.0


def _mirrored(point: OperatingPoint, delta: float, alpha: float) -> float:
    """The same bound with the arms exchanged: true negatives against false negatives."""
    tnr = Rate(point.fpr.trials - point.fpr.successes, point.fpr.trials)
    fnr = Rate(point.tpr.trials - point.tpr.successes, point.tpr.trials)
    return _bound(OperatingPoint(tnr, fnr), delta, alpha)


def ceiling(n_exposed: int, n_control: int, delta: float, alpha: float) -> float:
    """The largest bound that so many trials can give, reached by an attack that never errs."""
    perfect = Roc(np.array([0, n_exposed, n_exposed]), np.array([0, 0, n_control]), n_exposed, n_control)
    return epsilon_lower_bound(perfect, delta, alpha)
