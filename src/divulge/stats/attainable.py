"""What an audit of this size could have shown at best: the p-value of an attack that never errs, and how many records
would do where even that is too high.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from divulge.core.results.estimate import Rate
from divulge.core.results.metric import AUC, BALANCED_ACCURACY, EPSILON, METRICS
from divulge.stats.auc import Auc
from divulge.stats.intervals import newcombe, p_value
from divulge.stats.power import detectable_auc, detectable_balanced_accuracy
from divulge.stats.privacy.epsilon import epsilon_p_value, perfect
from divulge.stats.roc import OperatingPoint
from divulge.stats.thresholds import at_least, named_above

MOST = 1 << 22
"""Records in each arm beyond which no number is named."""


LEAST = 1e-14
"""p-values are computed to about so much; smaller ones do not differ."""


def perfect_p_value(
    metric: str, n_exposed: int, n_control: int, threshold: float, delta: float, named: int = 0
) -> float:
    """p-value of an attack that never errs: every exposed trial above every control trial.  named: control trials above
    the threshold of a true positive rate; none of them where all are alike to the attack.
    """
    inside, outside = Rate(n_exposed, n_exposed), Rate(named, n_control)
    if metric == AUC:
        return Auc(1.0, 0.0, n_exposed, n_control).p_above((1 + threshold) / 2)
    if metric == BALANCED_ACCURACY:
        return p_value(lambda alpha: newcombe(inside, outside, alpha).low, threshold)
    if metric == EPSILON:
        return epsilon_p_value(perfect(n_exposed, n_control), threshold, delta)
    fpr = METRICS[metric].fpr or 0.0
    return min(1.0, 2 * at_least(OperatingPoint(inside, outside), named_above(fpr + threshold, fpr)))


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
    bound = perfect_p_value(metric, n_exposed, n_control, threshold, delta)
    return max(bound, luck(n_exposed, n_control), LEAST)


@cache
def enough_records(metric: str, threshold: float, delta: float, alpha: float) -> int | None:
    """The smallest number of members, with as many non-members, at which a perfect attack would be significant at
    level alpha, and would not be missed more often than once in five times; None where no number does.

    alpha: after the correction for the number of tests.
    """
    rate = METRICS[metric].fpr

    def sized(steps: int) -> int:
        """So many strangers may be named on average, and one less may lie above the threshold."""
        return steps if rate is None else fewest_control(metric, steps)

    def does(steps: int) -> bool:
        n = sized(steps)
        if metric == AUC and detectable_auc(n, n, threshold, alpha) >= 1:
            return False
        if metric == BALANCED_ACCURACY and (n < 2 or detectable_balanced_accuracy(n, n, threshold, alpha) >= 1):
            return False
        named = 0 if rate is None else steps - 1  # as many strangers as the rate allows
        return luck(n, n) <= alpha and perfect_p_value(metric, n, n, threshold, delta, named) <= alpha

    steps = smallest(does)
    return None if steps is None else sized(steps)


def fewest_control(metric: str, steps: int = 1) -> int:
    """Control trials without which a false positive rate cannot be measured at all, with steps - 1 of them above the
    threshold; 1 for other metrics.
    """
    rate = METRICS[metric].fpr
    return round(steps / rate) - 1 if rate is not None else 1


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
