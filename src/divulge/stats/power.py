"""The smallest advantage that an audit of this size would have shown: what 'not found' is worth."""

from __future__ import annotations

from functools import cache

import numpy as np

from divulge.core.results.estimate import Rate
from divulge.stats.auc import null_deviation
from divulge.stats.intervals import upper_quantile
from divulge.stats.roc import OperatingPoint, allowed
from divulge.stats.thresholds import at_least, named_above

POWER = 0.8


HARDLY_A_LOOK = {"membership": 0.75, "property": 0.75}
"""Share of what lies between guessing and certainty that an audit must probably have seen, and excludes, to say that
nothing was found; by game.
"""


def _margin(alpha: float) -> float:
    return upper_quantile(alpha / 2) + upper_quantile(1 - POWER)


def detectable_auc(n_exposed: int, n_control: int, threshold: float, alpha: float) -> float:
    """Smallest 2 AUC - 1 found with probability 0.8 at level alpha (normal approximation at the null)."""
    return min(1.0, threshold + 2 * _margin(alpha) * null_deviation(n_exposed, n_control))


def detectable_balanced_accuracy(n_exposed: int, n_control: int, threshold: float, alpha: float) -> float:
    """Smallest TPR - FPR found with probability 0.8 at level alpha, rates near a half."""
    return min(1.0, float(threshold + _margin(alpha) * np.sqrt(0.25 / n_exposed + 0.25 / n_control)))


@cache
def detectable_tpr(n_exposed: int, n_control: int, fpr: float, threshold: float, alpha: float) -> float | None:
    """Smallest TPR - FPR at a false positive rate found with probability 0.8 at level alpha; None when even an
    adversary who names every member would not be found.
    """
    from scipy import special

    named = Rate(max(allowed(n_control, fpr), 0), n_control)
    law = named_above(fpr + threshold, fpr)

    def found(number: int) -> bool:
        return 2 * at_least(OperatingPoint(Rate(number, n_exposed), named), law) <= alpha

    if not found(n_exposed):
        return None
    low, high = 0, n_exposed
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return float(special.betaincinv(high, n_exposed - high + 1, POWER)) - fpr
