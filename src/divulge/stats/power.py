"""The smallest advantage that an audit of this size would have shown: what 'not found' is worth."""

from __future__ import annotations

from functools import cache

import numpy as np

from divulge.core.results.estimate import Rate
from divulge.stats.auc import null_deviation
from divulge.stats.intervals import clopper_pearson, upper_quantile
from divulge.stats.roc import allowed

POWER = 0.8


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

    reached = Rate(allowed(n_control, fpr), n_control)
    fpr_high = clopper_pearson(reached, alpha).high
    needed = np.arange(1, n_exposed + 1)
    lows = special.betaincinv(needed, n_exposed - needed + 1, alpha / 2)
    enough = np.flatnonzero(lows - fpr_high > threshold)
    if not len(enough):
        return None
    k = int(needed[enough[0]])
    return float(special.betaincinv(k, n_exposed - k + 1, POWER)) - reached.value
