"""What DP-SGD and noisy votes cost: by Opacus' accountant, and by Google's dp-accounting beside it."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from divulge.core.errors import InputError, MissingExtra

PRECISION = 0.002
"""Relative, to which Opacus' accountant works; it states the upper end."""

LEAST_NOISE = 0.05
"""Multiplier below which the accountants overflow, or count for minutes: epsilon is in the thousands there."""


@dataclass(frozen=True)
class PrivacyCost:
    """epsilon at `delta`: by Opacus' PRV accountant (Gopi, Lee and Wutschitz 2021) and by dp-accounting's privacy loss
    distributions (Doroshenko et al. 2022), both for adding or removing one record.
    """

    opacus: float
    dp_accounting: float
    delta: float

    @property
    def stated(self) -> float:
        """The larger of the two."""
        return max(self.opacus, self.dp_accounting)


def _library(name: str) -> Any:
    import importlib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtra(name.split(".", maxsplit=1)[0], "dp") from error


@lru_cache(maxsize=256)
def cost_of(noise: float, delta: float, rate: float, steps: int) -> PrivacyCost:
    """Of so many steps of DP-SGD with this noise multiplier, each on a Poisson sample of this rate."""
    if noise < LEAST_NOISE:
        return PrivacyCost(float("inf"), float("inf"), delta)
    known = _by_dp_accounting(noise, delta, rate, steps)
    return PrivacyCost(_by_opacus(noise, delta, rate, steps, min(max(PRECISION * known, 1e-4), 0.02)), known, delta)


def _by_opacus(noise: float, delta: float, rate: float, steps: int, precision: float) -> float:
    accountant = _library("opacus.accountants").create_accountant(mechanism="prv")
    accountant.history = [(noise, rate, steps)]
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        return float(accountant.get_epsilon(delta=delta, eps_error=precision, delta_error=delta / 1000))


def replacing(noise: float, delta: float, rate: float, steps: int) -> float:
    """Epsilon of the same for replacing one record by another, by dp-accounting; infinite for hardly any noise."""
    if noise < LEAST_NOISE:
        return float("inf")
    events, pld = _library("dp_accounting"), _library("dp_accounting.pld")
    one = events.PoissonSampledDpEvent(rate, events.GaussianDpEvent(noise))
    accountant = pld.PLDAccountant(neighboring_relation=events.NeighboringRelation.REPLACE_ONE)
    return float(accountant.compose(events.SelfComposedDpEvent(one, steps)).get_epsilon(delta))


def epsilon_of(noise: float, delta: float, rate: float, steps: int) -> float:
    """The same by dp-accounting alone."""
    return _by_dp_accounting(noise, delta, rate, steps)


@lru_cache(maxsize=1024)
def _by_dp_accounting(noise: float, delta: float, rate: float, steps: int) -> float:
    events, pld = _library("dp_accounting"), _library("dp_accounting.pld")
    one = events.PoissonSampledDpEvent(rate, events.GaussianDpEvent(noise))
    accountant = pld.PLDAccountant(neighboring_relation=events.NeighboringRelation.ADD_OR_REMOVE_ONE)
    return float(accountant.compose(events.SelfComposedDpEvent(one, steps)).get_epsilon(delta))


@lru_cache(maxsize=256)
def noise_for(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """The smallest noise multiplier with which so many steps cost no more than epsilon, by both accountants, to a
    thousandth; raises InputError where none up to 10,000 does.
    """
    low, high = 0.0, 1.0
    while _by_dp_accounting(high, delta, rate, steps) > epsilon:
        low, high = high, 2 * high
        if high > 1e4:
            raise InputError(f"dp_sgd: no noise makes {steps} steps cost an epsilon of {epsilon}: take fewer steps")
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if _affordable(middle, epsilon, delta, rate, steps) else (middle, high)
    while cost_of(high, delta, rate, steps).stated > epsilon:
        high *= 1.002
    return high


def _affordable(noise: float, epsilon: float, delta: float, rate: float, steps: int) -> bool:
    return noise > LEAST_NOISE and _by_dp_accounting(noise, delta, rate, steps) <= epsilon


def gaussian_noise_for(epsilon: float, delta: float) -> float:
    """Deviation, relative to the sensitivity, of the Gaussian mechanism (Balle and Wang 2018, theorem 8)."""
    from scipy.optimize import brentq
    from scipy.special import log_ndtr, ndtr

    def excess(log_sigma: float) -> float:
        sigma = float(np.exp(log_sigma))
        near, far = 0.5 / sigma - epsilon * sigma, -0.5 / sigma - epsilon * sigma
        return float(ndtr(near) - np.exp(epsilon + log_ndtr(far)) - delta)

    return float(np.exp(brentq(excess, np.log(1e-4), np.log(1e6))))


def gaussian_cost(noise: float, delta: float) -> float:
    """Epsilon of one Gaussian mechanism with this multiplier, by dp-accounting."""
    events, pld = _library("dp_accounting"), _library("dp_accounting.pld")
    accountant = pld.PLDAccountant(neighboring_relation=events.NeighboringRelation.ADD_OR_REMOVE_ONE)
    return float(accountant.compose(events.GaussianDpEvent(noise)).get_epsilon(delta))


def gaussian_epsilon(noise: float, delta: float) -> float:
    """The same by the closed form (Balle and Wang 2018, theorem 8), for noise so small that privacy loss distributions
    would be counted for minutes.
    """
    from scipy.optimize import brentq
    from scipy.special import log_ndtr

    def excess(epsilon: float) -> float:
        near, far = log_ndtr(0.5 / noise - epsilon * noise), epsilon + log_ndtr(-0.5 / noise - epsilon * noise)
        return float(near + np.log1p(-np.exp(min(far - near, -1e-300))) - np.log(delta))

    high = 0.5 / noise**2 + 40.0 / noise + 1.0  # beyond the mean of the loss by forty of its deviations
    return float(brentq(excess, 0.0, high)) if excess(0.0) > 0 else 0.0
