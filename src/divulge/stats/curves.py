"""What the figures of a report are drawn from."""

from __future__ import annotations

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.stats.roc import roc

Band = tuple[list[float], list[float], list[float], list[float]]


def roc_band(evidence: Scored, confidence: float, points: int = 64) -> Band:
    """False positive rate, true positive rate, low and high of the latter, at real thresholds only; of units, where
    trials belong together.  At this confidence the whole true curve lies within the band.

    At each of the thresholds, which the number of control trials alone fixes, the true false positive rate lies between
    two quantiles of Beta(k + 1, n - k) and the true positive rate in Clopper and Pearson's interval, all of them
    together by Bonferroni: a chain of rectangles that the curve passes through, as Campbell's (1994) but with exact
    sides.  Since a curve only rises, at any false positive rate it is above the lower edges of all rectangles to the
    left and below the upper edges of all to the right.  The points are spread evenly over the logarithm of the false
    positive rate.
    """
    from scipy import special

    curve = roc(evidence.by_unit())
    n1, n0 = curve.n_exposed, curve.n_control
    ranks = np.unique(np.round(np.geomspace(1, n0, points)).astype(int))
    tail = (1 - confidence) / (4 * len(ranks))  # two sides of two rates
    inner = np.searchsorted(curve.fp, ranks - 1, side="right") - 1  # at most ranks - 1 pass: just above that trial
    outer = np.searchsorted(curve.fp, ranks, side="left")  # that trial passes
    most_fpr = np.where(ranks <= n0, special.betaincinv(ranks, n0 - ranks + 1, 1 - tail), 1.0)
    least_fpr = special.betaincinv(ranks, n0 - ranks + 1, tail)
    low_tp, high_tp = curve.tp[inner], curve.tp[outer]
    floors = np.where(low_tp > 0, special.betaincinv(np.maximum(low_tp, 1), n1 - low_tp + 1, tail), 0.0)
    roofs = np.where(high_tp < n1, special.betaincinv(high_tp + 1, np.maximum(n1 - high_tp, 1), 1 - tail), 1.0)
    index = np.unique(np.searchsorted(curve.fp, ranks, side="right") - 1)
    index = index[curve.fp[index] > 0]
    fpr, tpr = curve.fp[index] / n0, curve.tp[index] / n1
    low = np.max(np.where(most_fpr <= fpr[:, None], floors, 0.0), axis=1, initial=0.0)
    high = np.min(np.where(least_fpr >= fpr[:, None], roofs, 1.0), axis=1, initial=1.0)
    return tuple(np.round(r, 6).tolist() for r in (fpr, tpr, low, high))


def histogram(evidence: Scored, bins: int = 40) -> tuple[list[float], list[float], list[float]]:
    """Bin edges [bins + 1] and the share of members and of non-members in each bin [bins].

    The range leaves out the outermost half per cent on either side; what lies there counts in the end bins.
    """
    evidence = evidence.by_unit()
    edges = _edges(evidence.score, bins)
    clipped = np.clip(evidence.score, edges[0], edges[-1])
    inside = np.histogram(clipped[evidence.exposed], edges)[0] / evidence.n_exposed
    outside = np.histogram(clipped[~evidence.exposed], edges)[0] / evidence.n_control
    return edges.tolist(), np.round(inside, 6).tolist(), np.round(outside, 6).tolist()


def _edges(score: Array, bins: int) -> Array:
    low, high = np.quantile(score, [0.005, 0.995])
    if high <= low:
        low, high = float(score.min()), float(score.max())
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)
