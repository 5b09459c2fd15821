"""Bounds for mechanisms whose trade-off is that of a Gaussian: mu-GDP (Dong, Roth and Su 2022), as DP-SGD nearly is."""

from __future__ import annotations

import numpy as np

from divulge.core.errors import InputError
from divulge.stats.privacy.epsilon import perfect
from divulge.stats.privacy.tradeoff import RATES, gaussian, points, refuted_below
from divulge.stats.roc import Roc
from divulge.stats.thresholds import at_least

MOST = 50.0
PRECISION = 1e-6


def epsilon_of(mu: float, delta: float) -> float:
    """The epsilon at `delta` of mu-GDP: where Phi(-e/mu + mu/2) - exp(e) Phi(-e/mu - mu/2) = delta (Dong et al. 2022,
    corollary 1).  Infinite for a delta of 0.
    """
    from scipy import special

    if mu <= 0:
        return 0.0
    if delta <= 0:
        return float("inf")
    low, high = 0.0, MOST * MOST
    while high - low > PRECISION:
        middle = (low + high) / 2
        passed = special.ndtr(-middle / mu + mu / 2) - np.exp(middle + special.log_ndtr(-middle / mu - mu / 2))
        low, high = (middle, high) if passed > delta else (low, middle)
    return float(low)


ENOUGH = 30
"""Trials in each arm from which the area under the curve is as good as normal."""


def mu_lower_bound(curve: Roc, alpha: float) -> float:
    """The largest mu that the evidence excludes at confidence 1 - alpha, 0 when it excludes none.

    Under mu-GDP the normal quantiles of TPR and FPR differ by at most mu at every threshold (Dong et al. 2022, eq. 6;
    Nasr et al. 2023), so that exposed scores stay below those of a Gaussian shifted by mu, rank for rank, and no
    statistic that grows with their ranks exceeds what it would be then.  Half of alpha is for the area under the curve,
    which makes use of all trials, half for single thresholds, which tell more where hardly any trial is wrong.
    """
    few = min(curve.n_exposed, curve.n_control) < ENOUGH
    level = alpha if few else alpha / 2
    best = 0.0 if few else _by_area(curve, level)
    for _, point in points(curve):
        best = refuted_below(point, gaussian, level / (2 * len(RATES)), best)
    return best


def mu_p_value(curve: Roc, mu: float) -> float:
    """p-value of mu-GDP: at most alpha just where the bound at confidence 1 - alpha is at least mu."""
    single = min(1.0, 2 * len(RATES) * min(at_least(point, gaussian(mu)) for _, point in points(curve)))
    if min(curve.n_exposed, curve.n_control) < ENOUGH:
        return single
    return min(1.0, 2 * min(single, _area_p_value(curve, _area(curve), mu)))


def _area(curve: Roc) -> float:
    return float(np.trapezoid(curve.tp / curve.n_exposed, curve.fp / curve.n_control))


def _area_p_value(curve: Roc, area: float, mu: float) -> float:
    """Of so large an area between a Gaussian and one shifted by mu: the normal approximation to Mann and Whitney's
    statistic, with its exact mean and variance there.
    """
    from scipy import special

    m, n, h = curve.n_exposed, curve.n_control, mu / np.sqrt(2)
    mean = float(special.ndtr(h))
    twice = mean - 2 * float(special.owens_t(h, 1 / np.sqrt(3)))  # two exposed above one control
    spread = (mean * (1 - mean) + (m + n - 2) * (twice - mean**2)) / (m * n)
    return float(special.ndtr((mean - area) / np.sqrt(max(spread, 1e-300))))


def _by_area(curve: Roc, alpha: float) -> float:
    low, high, area = 0.0, MOST, _area(curve)
    if _area_p_value(curve, area, 0.0) > alpha:
        return 0.0
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if _area_p_value(curve, area, middle) <= alpha else (low, middle)
    return low


def one_run_mu(right: int, guesses: int, alpha: float, canaries: int | None = None) -> float:
    """Lower bound on mu from one training run in which each of `canaries` was in or out by a fair coin, when `right` of
    `guesses` guesses were right (Mahloujifar, Melis and Chaudhuri 2024, theorem 3.2 and algorithm 3).

    For a canary by lot let r_i be the probability that it is guessed rightly and at least i guesses are right, h_i that
    it is guessed wrongly and at least i are right.  f-DP gives r_(i+1) <= 1 - f(h_i), so a tail of probability alpha
    at `right` forces the probabilities below it to grow; if they cannot fit into the share of canaries that are
    guessed, the mechanism is refuted.
    """
    if not 0 <= right <= guesses:
        raise InputError(f"{right} of {guesses} guesses cannot be right")
    total = guesses if canaries is None else canaries
    if total < guesses:
        raise InputError(f"{guesses} guesses about {total} canaries: at most one each")
    low, high = 0.0, MOST
    if not _refuted(right, guesses, total, alpha, 0.0):
        return 0.0
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if _refuted(right, guesses, total, alpha, middle) else (low, middle)
    return low


def _refuted(right: int, guesses: int, canaries: int, alpha: float, mu: float) -> bool:
    """Whether no mu-GDP mechanism has so many right guesses with probability alpha."""
    from scipy import special

    rightly, wrongly = alpha * right / canaries, alpha * (guesses - right) / canaries
    for i in range(right - 1, -1, -1):
        before = wrongly
        wrongly = max(wrongly, float(special.ndtr(special.ndtri(rightly) - mu)))
        rightly += i / (guesses - i) * (wrongly - before)
        if rightly + wrongly > guesses / canaries:
            return True
    return rightly + wrongly > guesses / canaries


def ceiling_mu(n_exposed: int, n_control: int, alpha: float) -> float:
    """The largest bound of `mu_lower_bound` that so many trials can give."""
    return mu_lower_bound(perfect(n_exposed, n_control), alpha)
