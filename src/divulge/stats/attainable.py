"""What an audit of this size could have shown at best: the p-value of an attack that never errs, and how many records
would do where even that is too high.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from divulge.core.results.estimate import Rate
from divulge.core.results.metric import AUC, BALANCED_ACCURACY, EPSILON, METRICS
from divulge.stats.epsilon import ceiling, epsilon_p_value, perfect
from divulge.stats.intervals import clopper_pearson, newcombe, p_value
from divulge.stats.power import detectable_auc, detectable_balanced_accuracy

MOST = 1 << 22
"""Records in each arm beyond which no number is named."""


def perfect_low(metric: str, n_exposed: int, n_control: int, delta: float, alpha: float) -> float:
    """Lower bound, at confidence 1 - alpha, of the advantage (of epsilon itself) of an attack that never errs: every
    exposed trial above every control trial, none of which is named.
    """
    inside, outside = Rate(n_exposed, n_exposed), Rate(0, n_control)
    if metric == AUC:
        return 2 * float((alpha / 2) ** (1 / min(n_exposed, n_control))) - 1
    if metric == BALANCED_ACCURACY:
        return newcombe(inside, outside, alpha).low
    if metric == EPSILON:
        return ceiling(n_exposed, n_control, delta, alpha)
    return clopper_pearson(inside, alpha).low - clopper_pearson(outside, alpha).high


def luck(n_exposed: int, n_control: int) -> float:
    """How likely it is that an attack without any knowledge ranks all exposed trials first, on either side: no test
    that keeps its level can be more certain than that, whatever the metric.
    """
    from scipy import special

    orders = (
        special.gammaln(n_exposed + n_control + 1) - special.gammaln(n_exposed + 1) - special.gammaln(n_control + 1)
    )
    return min(1.0, 2 * float(np.exp(-orders)))


@cache
def attainable(metric: str, n_exposed: int, n_control: int, threshold: float, delta: float) -> float:
    """p-value that an attack which never errs has on so many trials; never rises with either number."""
    if metric == EPSILON:
        return max(epsilon_p_value(perfect(n_exposed, n_control), threshold, delta), luck(n_exposed, n_control))
    bound = p_value(lambda alpha: perfect_low(metric, n_exposed, n_control, delta, alpha), threshold)
    return max(bound, luck(n_exposed, n_control))


@cache
def enough_records(metric: str, threshold: float, delta: float, alpha: float) -> int | None:
    """The smallest number of members, with as many non-members, at which a perfect attack would be significant at
    level alpha, and would not be missed more often than once in five times; None where no number does.

    alpha: after the correction for the number of tests.
    """
    step = fewest_control(metric)

    def does(steps: int) -> bool:
        n = steps * step
        if metric == AUC and detectable_auc(n, n, threshold, alpha) >= 1:
            return False
        if metric == BALANCED_ACCURACY and (n < 2 or detectable_balanced_accuracy(n, n, threshold, alpha) >= 1):
            return False
        if METRICS[metric].fpr is not None:  # with as many named strangers as the rate allows
            named = clopper_pearson(Rate(steps, n), alpha).high
            return clopper_pearson(Rate(n, n), alpha).low - named > threshold and luck(n, n) <= alpha
        return luck(n, n) <= alpha and perfect_low(metric, n, n, delta, alpha) > threshold

    steps = smallest(does)
    return None if steps is None else steps * step


def fewest_control(metric: str) -> int:
    """Control trials without which a false positive rate cannot be measured at all; 1 for other metrics."""
    rate = METRICS[metric].fpr
    return round(1 / rate) if rate is not None else 1


def smallest(does: Callable[[int], bool]) -> int | None:
    """The smallest number for which `does` holds, given that it holds for all greater ones; None beyond MOST."""
    high = 1
    while not does(high):
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if does(middle) else (middle, high)
    return high
