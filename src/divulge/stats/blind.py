"""What guesses without the model say of a split: the area of a cross-fitted guesser, and what it would have shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from divulge.core.results.trials import Scored
from divulge.stats.auc import Auc, auc, null_deviation
from divulge.stats.intervals import upper_quantile
from divulge.stats.power import POWER

FEW, UNEQUAL = 50, 4
"""Trials in the smaller arm below which the variance of a cross-fitted area is taken to be the largest possible, and
how many times as large the other arm may be until it is.
"""

LARGEST, USUAL = 2.0, 1.25
"""Times the variance of independent scores: of few trials or unequal arms, and of others.  Where nothing is to be found
it is about twice that, but the tail above is the lighter one unless arms are unequal, and a shift that is missed is
worse than a split that is called unfair in vain.
"""


def cross_fitted(evidence: Scored) -> Auc:
    """The area under the curve of ranks within folds, each by a guesser that learned from the others; of persons where
    records belong together.

    Every pair of records in different folds is compared twice, once from either fold, so that where nothing is to be
    found the variance is up to twice that of independent scores; and of few ranks it is not taken as known.
    """
    persons = evidence.by_unit()
    arms, once = (persons.n_exposed, persons.n_control), auc(persons)
    return replace(once, variance=_times(*arms) * once.variance, freedom=_freedom(*arms))


def _times(n_exposed: int, n_control: int) -> float:
    few, many = sorted((n_exposed, n_control))
    return LARGEST if few < FEW or many > UNEQUAL * few else USUAL


def _freedom(n_exposed: int, n_control: int) -> float:
    return float(max(min(n_exposed, n_control) - 1, 1))


def detectable_blind_auc(n_exposed: int, n_control: int, confidence: float) -> float:
    """Smallest AUC of a cross-fitted guesser whose interval at this confidence lies above a half with probability 0.8
    (the variance at the null, as the interval takes it; normal but for its quantile).
    """
    from scipy import special

    quantile = float(special.stdtrit(_freedom(n_exposed, n_control), (1 + confidence) / 2))
    margin = quantile * np.sqrt(_times(n_exposed, n_control)) + upper_quantile(1 - POWER)
    return float(min(1.0, 0.5 + margin * null_deviation(n_exposed, n_control)))


def detectable_shift(n_exposed: int, n_control: int, width: int, fitted: float, area: float) -> float:
    """By how many standard deviations two sets must differ in one of `width` columns, for a linear classifier that is
    cross-fitted on a share `fitted` of them to reach an AUC of `area` on average; infinity for 1.

    The expected AUC is Phi(d2 / sqrt(2 (d2 + width (1 / n1 + 1 / n0)))), with d2 the squared Mahalanobis distance: what
    estimating the means costs a discriminant is known (Raudys and Young 2004, J. Multivariate Analysis 89, T_mu).
    """
    from scipy import special

    if area >= 1:
        return float("inf")
    q2 = 2 * float(special.ndtri(area)) ** 2
    noise = width * (1 / n_exposed + 1 / n_control) / fitted
    return float(np.sqrt((q2 + np.sqrt(q2**2 + 4 * q2 * noise)) / 2))
