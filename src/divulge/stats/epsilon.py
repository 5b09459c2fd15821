"""Empirical lower bounds on the epsilon of (epsilon, delta)-differential privacy."""

from __future__ import annotations

import numpy as np

from divulge.core.evidence import Rate
from divulge.stats.intervals import clopper_pearson
from divulge.stats.roc import OperatingPoint, Roc, at_fnr, at_fpr

RATES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""Error rates at which the bound is tried, on either side; Bonferroni pays for trying."""


def epsilon_lower_bound(curve: Roc, delta: float, alpha: float) -> float:
    """The largest epsilon that the evidence excludes at confidence 1 - alpha; 0 when it excludes none.

    Any (epsilon, delta)-private training has TPR <= e^epsilon FPR + delta and TNR <= e^epsilon FNR + delta (Kairouz
    et al. 2015, theorem 2.1).  Exact intervals on both rates, so the bound cannot pass the finite-sample ceiling.
    """
    each = alpha / (2 * len(RATES))
    bounds = [_bound(at_fpr(curve, rate), delta, each) for rate in RATES]
    bounds += [_mirrored(at_fnr(curve, rate), delta, each) for rate in RATES]
    return max(0.0, *bounds)


def _bound(point: OperatingPoint, delta: float, alpha: float) -> float:
    tpr_low = clopper_pearson(point.tpr, alpha).low
    fpr_high = clopper_pearson(point.fpr, alpha).high
    return float(np.log((tpr_low - delta) / fpr_high)) if tpr_low > delta else 0.0


def _mirrored(point: OperatingPoint, delta: float, alpha: float) -> float:
    """The same bound with the arms exchanged: true negatives against false negatives."""
    tnr = Rate(point.fpr.trials - point.fpr.successes, point.fpr.trials)
    fnr = Rate(point.tpr.trials - point.tpr.successes, point.tpr.trials)
    return _bound(OperatingPoint(tnr, fnr), delta, alpha)


def ceiling(n_exposed: int, n_control: int, delta: float, alpha: float) -> float:
    """The largest bound that so many trials can give, reached by an attack that never errs."""
    perfect = Roc(np.array([0, n_exposed, n_exposed]), np.array([0, 0, n_control]), n_exposed, n_control)
    return epsilon_lower_bound(perfect, delta, alpha)
