"""Area under the ROC curve with a score-type interval that small arms, ties and far tails do not break."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.stats.intervals import Interval, p_value, upper_quantile

STEPS = 44
"""Halvings of the search for an end of an interval, to 13 digits."""


@dataclass(frozen=True)
class Auc:
    """value: probability that an exposed trial scores above a control trial, ties counting half.

    variance: DeLong's, or Obuchowski's where trials come in clusters.
    n_exposed, n_control: independent trials in either arm; of clusters as many as would say as much if all rows of a
    cluster were equal.
    freedom: degrees of freedom of the variance, where it was estimated from few clusters.
    """

    value: float
    variance: float
    n_exposed: float
    n_control: float
    freedom: float = float("inf")

    def interval(self, alpha: float) -> Interval:
        """Interval at confidence 1 - alpha, by inversion of a score test: a true area t lies in it unless the observed
        one is more than z standard deviations away, where the variance is a mixture of the estimated one and of the
        largest that a concave ROC of area t can have (`widest`).

        Estimated variances collapse where a few scores are all in one tie, or nearly all on one side.  The mixture has
        just enough of the largest that either end rises with the evidence: no score that improves lowers it.  With
        many trials it is DeLong's interval.  Neither end says more than that of areas 1 and 0, where min(n1, n0)
        disjoint pairs that all agree give an exact binomial bound.  See docs/how-sure.md.
        """
        return Interval(self._low(alpha), 1 - self._mirrored()._low(alpha))

    def p_above(self, area: float) -> float:
        """p-value of the hypothesis that the true area is at most this: the smallest alpha at which the lower end of
        the interval exceeds it.
        """
        return p_value(lambda alpha: float(self._exceeds(area, alpha)), 0.5)

    def p_below(self, area: float) -> float:
        """The same of the hypothesis that the true area is at least this."""
        return self._mirrored().p_above(1 - area)

    def _mirrored(self) -> Auc:
        """The same with the order of scores reversed; arms stay, so that variances do."""
        return Auc(1 - self.value, self.variance, self.n_exposed, self.n_control, self.freedom)

    def _low(self, alpha: float) -> float:
        low, high = 0.0, min(self.value, self._most(alpha))
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if self._exceeds(middle, alpha) else (low, middle)
        return low

    def _exceeds(self, area: float, alpha: float) -> bool:
        """Whether the true area is above this one, at confidence 1 - alpha / 2."""
        if not area < self._most(alpha):
            return False
        away = self.value - area
        if away <= 0:
            return False
        return bool(away > _quantile(alpha / 2, self.freedom) * np.sqrt(self._variance_at(area, alpha)))

    def _most(self, alpha: float) -> float:
        return float((alpha / 2) ** (1 / min(self.n_exposed, self.n_control)))

    def _variance_at(self, area: float, alpha: float) -> float:
        """Variance of the observed area if the true one were `area`, at most the observed one.

        Where one score improves, the estimated variance grows by at most 2 `steep` times what the observed area does.
        Of a mixture s widest + (1 - s) estimate with z (1 - s) steep = sqrt(s widest) the root grows no faster than the
        distance that it is compared with, so that what was rejected stays so.
        """
        n1, n0 = self.n_exposed, self.n_control
        most = widest(area, n1, n0)
        if most <= 0:
            return self.variance
        moved = min(1.0, max(0.0, 4 * area - 2))  # how far the variance of the observed area is carried to this one
        estimate = self.variance + moved * max(0.0, most - widest(self.value, n1, n0))
        steep = (1 - area) * (1 / max(n1 - 1, 1) + 1 / max(n0 - 1, 1)) + moved * _slope(area, n1, n0) / 2
        ratio = _quantile(alpha / 2, self.freedom) * steep / np.sqrt(most)
        if estimate >= most:  # grows as fast as it may, up to the estimate
            return (
                float(min(estimate, most * (1 + (estimate / most - 1) / (2 * ratio)) ** 2)) if ratio > 0 else estimate
            )
        root = 2 * ratio / (1 + np.sqrt(1 + 4 * ratio**2))  # solves (1 - root^2) ratio = root
        return float(estimate + root**2 * (most - estimate))


def widest(area: float, n_exposed: float, n_control: float) -> float:
    """The largest variance of an observed AUC whose true ROC curve is concave and has this area (convex below 1/2).

    It belongs to a share 2 area - 1 of the smaller arm that is always told and a rest that never is: E U^2 of its
    placements is (4 area - 1) / 3, of the other arm's area^2 + (1 - area)^2 / 3.  At 1/2 it is the variance of Mann
    and Whitney's statistic where arms do not differ; without the restriction it would be Birnbaum and Klose's (1957).
    """
    t = max(area, 1 - area)
    few, many = sorted((n_exposed, n_control))
    small, large = (1 - t) * (3 * t - 1) / 3, (1 - t) ** 2 / 3
    return (t * (1 - t) + (many - 1) * small + (few - 1) * large) / (n_exposed * n_control)


def _slope(area: float, n_exposed: float, n_control: float) -> float:
    """The fastest change of `widest` anywhere between an area of at least 1/2 and 1; it is linear in the area."""
    few, many = sorted((n_exposed, n_control))

    def at(t: float) -> float:
        change = (1 - 2 * t) + (many - 1) * (4 - 6 * t) / 3 - (few - 1) * 2 * (1 - t) / 3
        return abs(change) / (n_exposed * n_control)

    return max(at(max(area, 0.5)), at(1.0))


def _quantile(tail: float, freedom: float) -> float:
    from scipy import special

    return -float(special.stdtrit(freedom, tail)) if np.isfinite(freedom) else upper_quantile(tail)


def auc(evidence: Scored) -> Auc:
    """AUC and its variance by midranks in O(n log n) (DeLong 1988; Sun and Xu 2014, algorithm 2); by clusters where
    several trials belong to one unit (Obuchowski 1997).
    """
    from scipy import stats

    ranks = evidence.ranks()
    exposed, control = ranks[evidence.exposed], ranks[~evidence.exposed]
    n1, n0 = len(exposed), len(control)
    pooled = stats.rankdata(np.concatenate([exposed, control]))
    placed_exposed = (pooled[:n1] - stats.rankdata(exposed)) / n0
    placed_control = 1 - (pooled[n1:] - stats.rankdata(control)) / n1
    value = float(placed_exposed.mean())
    if evidence.grouped:
        return _clustered(evidence, value, placed_exposed, placed_control)
    variance = 0.0
    if n1 > 1 and n0 > 1:
        variance = float(placed_exposed.var(ddof=1) / n1 + placed_control.var(ddof=1) / n0)
    return Auc(value, variance, n1, n0)


def _clustered(evidence: Scored, value: float, placed_exposed: Array, placed_control: Array) -> Auc:
    """The variance of Obuchowski 1997 (Biometrics 53, section 3): placements are summed over each unit, and units are
    independent.  A unit may have trials in both arms.
    """
    units, place = np.unique(evidence.unit, return_inverse=True)
    arms = []
    for side, placed in ((evidence.exposed, placed_exposed), (~evidence.exposed, placed_control)):
        sums = np.bincount(place[side], placed - value, minlength=len(units))
        rows = np.bincount(place[side], minlength=len(units))
        arms.append((sums, int((rows > 0).sum()), int(side.sum()), float(rows.sum() ** 2 / (rows**2).sum())))
    (ours, n1, rows1, like1), (theirs, n0, rows0, like0) = arms
    few = min(n1, n0)
    variance = 0.0
    if few > 1:
        variance = float((ours**2).sum() * n1 / (n1 - 1) / rows1**2 + (theirs**2).sum() * n0 / (n0 - 1) / rows0**2)
        both = len(units) / (len(units) - 1)
        variance += float(2 * both * (ours * theirs).sum() / (rows1 * rows0))
    return Auc(value, max(variance, 0.0), like1, like0, float(max(few - 1, 1)))


def null_deviation(n_exposed: int, n_control: int) -> float:
    """Standard deviation of the AUC when the two arms do not differ (Mann and Whitney 1947)."""
    return float(np.sqrt((n_exposed + n_control + 1) / (12 * n_exposed * n_control)))
