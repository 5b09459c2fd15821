"""Area under the ROC curve with DeLong's variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.stats.intervals import Interval, upper_quantile


@dataclass(frozen=True)
class Auc:
    """value: probability that an exposed trial scores above a control trial, ties counting half.

    freedom: degrees of freedom of the variance, where it was estimated from few clusters.
    """

    value: float
    variance: float
    pairs: int
    freedom: float = float("inf")

    def interval(self, alpha: float) -> Interval:
        """Interval at confidence 1 - alpha: DeLong's, on the logit scale so that it stays inside [0, 1].

        Where all pairs agree the estimated variance is 0 and would claim certainty; then min(n1, n0) disjoint pairs
        give an exact binomial bound.
        """
        from scipy import special, stats

        if self.value in (0.0, 1.0):
            bound = float((alpha / 2) ** (1 / self.pairs))
            return Interval(bound, 1.0) if self.value == 1.0 else Interval(0.0, 1 - bound)
        slope = np.sqrt(self.variance) / (self.value * (1 - self.value))
        few = np.isfinite(self.freedom)
        z = float(stats.t.isf(alpha / 2, self.freedom)) if few else upper_quantile(alpha / 2)
        center = special.logit(self.value)
        return Interval(float(special.expit(center - z * slope)), float(special.expit(center + z * slope)))


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
    if value in (0.0, 1.0) or variance > 0:
        return Auc(value, variance, min(n1, n0))
    # All scores equal, or a single trial in an arm: nothing was measured, so the null variance stands in.
    return Auc(value, (n1 + n0 + 1) / (12 * n1 * n0), min(n1, n0))


def _clustered(evidence: Scored, value: float, placed_exposed: Array, placed_control: Array) -> Auc:
    """The variance of Obuchowski 1997 (Biometrics 53, section 3): placements are summed over each unit, and units are
    independent.  A unit may have trials in both arms.
    """
    units, place = np.unique(evidence.unit, return_inverse=True)
    arms = []
    for side, placed in ((evidence.exposed, placed_exposed), (~evidence.exposed, placed_control)):
        sums = np.bincount(place[side], placed - value, minlength=len(units))
        arms.append((sums, len(np.unique(place[side])), int(side.sum())))
    (ours, n1, rows1), (theirs, n0, rows0) = arms
    few = min(n1, n0)
    variance = 0.0
    if few > 1:
        variance = float((ours**2).sum() * n1 / (n1 - 1) / rows1**2 + (theirs**2).sum() * n0 / (n0 - 1) / rows0**2)
        both = len(units) / (len(units) - 1)
        variance += float(2 * both * (ours * theirs).sum() / (rows1 * rows0))
    if value in (0.0, 1.0) or variance > 0:
        return Auc(value, max(variance, 0.0), few, float(max(few - 1, 1)))
    return Auc(value, null_deviation(n1, n0) ** 2, few, float(max(few - 1, 1)))


def null_deviation(n_exposed: int, n_control: int) -> float:
    """Standard deviation of the AUC when the two arms do not differ (Mann and Whitney 1947)."""
    return float(np.sqrt((n_exposed + n_control + 1) / (12 * n_exposed * n_control)))
