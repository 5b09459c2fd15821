"""Empirical lower bounds on the epsilon of (epsilon, delta)-differential privacy."""

from __future__ import annotations

from functools import partial

import numpy as np

from divulge.core.results.estimate import Rate
from divulge.stats.privacy.tradeoff import RATES, points, private, refuted_below
from divulge.stats.roc import Roc
from divulge.stats.thresholds import at_least

TRIED = 2 * len(RATES)
"""Operating points; Bonferroni pays for trying them."""


def epsilon_lower_bound(curve: Roc, delta: float, alpha: float) -> float:
    """The largest epsilon that the evidence excludes at confidence 1 - alpha; 0 when it excludes none.

    Any (epsilon, delta)-private training has TPR <= e^epsilon FPR + delta and TNR <= e^epsilon FNR + delta (Kairouz
    et al. 2015, theorem 2.1).  Both rates are judged by one exact test, so the bound cannot pass the finite-sample
    ceiling.
    """
    best = 0.0
    for _, point in points(curve):
        best = refuted_below(point, partial(private, delta=delta), alpha / TRIED, best)
    return best


def epsilon_p_value(curve: Roc, epsilon: float, delta: float) -> float:
    """p-value of the hypothesis that the training is (epsilon, delta)-private: at most alpha just where the bound at
    confidence 1 - alpha is at least epsilon.
    """
    region = private(epsilon, delta)
    return min(1.0, TRIED * min(at_least(point, region) for _, point in points(curve)))


def where_it_shows(curve: Roc, delta: float, alpha: float) -> tuple[bool, Rate, Rate]:
    """The operating point that gives the bound: whether members are named there, rather than others ruled out, and
    which share is, of those that it is true of and of those that it is not true of.
    """
    best, shown = -1.0, points(curve)[0]
    for each in points(curve):
        bound = refuted_below(each[1], partial(private, delta=delta), alpha / TRIED, max(best, 0.0))
        if bound > best:
            best, shown = bound, each
    inside, point = shown
    return inside, point.tpr, point.fpr


def perfect(n_exposed: int, n_control: int) -> Roc:
    """The curve of an attack that never errs."""
    return Roc(np.array([0, n_exposed, n_exposed]), np.array([0, 0, n_control]), n_exposed, n_control)


def ceiling(n_exposed: int, n_control: int, delta: float, alpha: float) -> float:
    """The largest bound that so many trials can give, reached by an attack that never errs."""
    return epsilon_lower_bound(perfect(n_exposed, n_control), delta, alpha)
