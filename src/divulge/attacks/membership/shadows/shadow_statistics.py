"""Means and deviations of a signal over the shadow models that saw a record, and over those that did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.signals import logit_scaled
from divulge.core.views.membership import MembershipView


@dataclass(frozen=True, eq=False)
class Sums:
    """For each record: how many models, the sum of the signal over them, and the sum of its squares: [records] each."""

    n: Array
    total: Array
    squares: Array

    def without(self, signal: Array) -> Sums:
        """The same with one model less for every record, whose signal [records] is given; none is left of none."""
        return Sums(np.maximum(self.n - 1, 0), self.total - signal, self.squares - signal**2)

    def of(self, records: Array) -> Sums:
        """The same for some of the records."""
        return Sums(self.n[records], self.total[records], self.squares[records])

    @property
    def mean(self) -> Array:
        """Mean over the models; NaN where there is none."""
        return np.where(self.n > 0, self.total / np.maximum(self.n, 1), np.nan)

    @property
    def deviations(self) -> Array:
        """Sum of squared deviations from the mean, 0 where there is at most one model."""
        return np.where(self.n > 1, np.maximum(self.squares - self.total**2 / np.maximum(self.n, 1), 0.0), 0.0)

    def pooled_variance(self, floor: float) -> float:
        """One variance for all records; `floor` where no record has two models."""
        freedom = float(np.maximum(self.n - 1, 0).sum())
        return max(float(self.deviations.sum()) / freedom, 1e-12) if freedom > 0 else floor


def logits_of(view: MembershipView, shadows: int) -> tuple[Array, Array, Array]:
    """The logit-scaled confidence of the target [records] and of the shadow models [models, records], and which of
    these saw each record (bool [models, records]).
    """
    pool, candidates = view.shadows(shadows), view.candidates
    target = logit_scaled(view.target.log_scores(candidates), candidates.y)
    return target, pool.signals(candidates, logit_scaled), pool.trained_on(candidates)


def sums(signal: Array, of: Array) -> Sums:
    """Sums of `signal` [models, records] over the models where `of` (bool [models, records]) is True."""
    inside = np.where(of, signal, 0.0)
    return Sums(of.sum(axis=0).astype(np.float64), inside.sum(axis=0), (inside**2).sum(axis=0))


def normal_log_density(x: Array, mean: Array, variance: Array | float) -> Array:
    """Logarithm of the normal density."""
    return np.asarray(-0.5 * (np.log(2 * np.pi * variance) + (x - mean) ** 2 / variance))


def log_mean_exp(values: Array, of: Array) -> Array:
    """Log of the mean of exp(values) over the models where `of` is True: [records]; NaN where there is none."""
    top = np.max(np.where(of, values, -np.inf), axis=0)
    safe = np.where(np.isfinite(top), top, 0.0)
    total = np.where(of, np.exp(np.minimum(values - safe, 0.0)), 0.0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(top), safe + np.log(total / of.sum(axis=0)), np.nan)


@dataclass(frozen=True, eq=False)
class Marginal:
    """For each record the mean probability over models, kept so that one model can be taken out again.

    top: largest log-probability.  total: sum of exp(log-probability - top).  n: models.  All [records].
    """

    top: Array
    total: Array
    n: Array

    def of(self, records: Array) -> Marginal:
        """The same for some of the records."""
        return Marginal(self.top[records], self.total[records], self.n[records])

    def without(self, likelihood: Array) -> Array:
        """Logarithm of the mean with one model less for every record, whose log-probability [records] is given; NaN
        where none is left.  What is left of a sum to which the model gave all but 1e-12 counts as 1e-12 of it.
        """
        left = np.maximum(self.total - np.exp(np.minimum(likelihood - self.top, 0.0)), 1e-12)
        with np.errstate(divide="ignore"):
            return np.where(self.n > 1, self.top + np.log(left / np.maximum(self.n - 1, 1)), np.nan)


def marginal(likelihood: Array, of: Array) -> Marginal:
    """The mean probability over the models where `of` (bool [models, records]) is True."""
    top = np.max(np.where(of, likelihood, -np.inf), axis=0)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.where(of, np.exp(np.minimum(likelihood - top, 0.0)), 0.0).sum(axis=0)
    return Marginal(top, total, of.sum(axis=0))
