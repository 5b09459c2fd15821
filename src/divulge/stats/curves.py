"""What the figures of a report are drawn from."""

from __future__ import annotations

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.stats.roc import roc

Band = tuple[list[float], list[float], list[float], list[float]]


def roc_band(evidence: Scored, confidence: float, points: int = 64) -> Band:
    """False positive rate, true positive rate, low and high of the latter (Clopper-Pearson), at real thresholds only;
    of units, where trials belong together.

    The points are spread evenly over the logarithm of the false positive rate.
    """
    from scipy import special

    curve = roc(evidence.by_unit())
    wanted = np.unique(np.round(np.geomspace(1, curve.n_control, points)).astype(int))
    index = np.unique(np.searchsorted(curve.fp, wanted, side="right") - 1)
    index = index[curve.fp[index] > 0]
    tp, fp, n, alpha = curve.tp[index], curve.fp[index], curve.n_exposed, 1 - confidence
    low = np.where(tp > 0, special.betaincinv(np.maximum(tp, 1), n - tp + 1, alpha / 2), 0.0)
    high = np.where(tp < n, special.betaincinv(tp + 1, np.maximum(n - tp, 1), 1 - alpha / 2), 1.0)
    rates = (fp / curve.n_control, tp / n, low, high)
    return tuple(np.round(r, 6).tolist() for r in rates)


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
