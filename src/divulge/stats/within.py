"""Groups compared with each other: each by what happens within it, so that a group's level decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.results.estimate import Rate
from divulge.stats.auc import Auc


@dataclass(frozen=True)
class Area:
    """The area of one group, and how many independent units either arm has."""

    auc: Auc
    exposed: int
    control: int

    @property
    def fewer(self) -> int:
        """Units of the smaller arm."""
        return min(self.exposed, self.control)


@dataclass(frozen=True)
class Contrast:
    """others: the mean of the others' areas, each weighed by how much it is known.  p_value: two-sided, of the group's
    area being the same.  higher: whether it is above theirs.
    """

    others: float
    p_value: float
    higher: bool


def against_the_others(group: Area, others: Sequence[Area]) -> Contrast | None:
    """The area within one group against the mean of the areas within the others; None where there are no others.

    Were the others pooled, differences of their level would lower the area between them, and every group would stand
    out (Simpson's paradox).  The logits are compared by Welch's t, with as many degrees of freedom as the smaller arms
    have (Welch 1947; Satterthwaite 1946), since variances of few records are uncertain.
    """
    from scipy import special, stats

    if not others:
        return None
    values, variances = (np.array(part) for part in zip(*map(kept_inside, others), strict=True))
    weight = np.array([each.fewer for each in others], dtype=np.float64)
    weight /= weight.sum()
    value, variance = kept_inside(group)
    mean = float(weight @ values)
    spread = np.r_[variance / (value * (1 - value)) ** 2, weight**2 * variances / (mean * (1 - mean)) ** 2]
    freedom = np.array([max(each.fewer - 1, 1) for each in (group, *others)])
    welch = float(spread.sum() ** 2 / (spread**2 / freedom).sum())
    distance = float(special.logit(value) - special.logit(mean)) / float(np.sqrt(spread.sum()))
    return Contrast(mean, float(2 * stats.t.sf(abs(distance), welch)), distance > 0)


def kept_inside(area: Area) -> tuple[float, float]:
    """Value and variance: the estimated one, and at least that of Newcombe's method 5 (2006, Statist. Med. 25), since
    the estimate falls short where an arm is small.  Where all pairs agree, half a pair does not.
    """
    n1, n0, value = area.exposed, area.control, area.auc.value
    if value in (0.0, 1.0):
        value = (area.fewer * value + 0.5) / (area.fewer + 1)
    bracket = (1 - value) / (2 - value) + value / (1 + value)
    least = value * (1 - value) * (1 + ((n1 + n0) / 2 - 1) * bracket) / (n1 * n0)
    return value, max(area.auc.variance, least)


def two_sided(group: Rate, others: Rate) -> float:
    """Fisher's exact p-value of two shares being the same."""
    from scipy import stats

    table = np.array([[rate.successes, rate.trials - rate.successes] for rate in (group, others)])
    return float(stats.fisher_exact(table).pvalue)
