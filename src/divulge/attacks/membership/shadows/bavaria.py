"""Bayesian variance inference: what LiRA does, with a prior for every mean and variance (Brännvall 2026)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.shadows.shadow_statistics import Sums, logits_of, sums
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class Bavaria:
    """The ratio of two Student-t predictive densities of the logit-scaled confidence, each from a normal-inverse-gamma
    prior (Brännvall 2026, arXiv 2603.11799, BaVarIA-t).

    shadows: models.  strength: how many models the prior of the variance counts as.  pull: how many models the prior
    of the mean counts as.  The priors are centred where the pool is: at the variance of all records together, and for
    models that saw the record at the mean over those that did not, moved by the average gap.
    """

    shadows: int = 16
    strength: float = 4.0
    pull: float = 1.0

    card: ClassVar[Card] = Card(
        name="bavaria",
        title="BaVarIA",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="brannvall2026",
        equations="BaVarIA-t: normal-inverse-gamma prior, Student-t predictive",
        summary="as LiRA, but admits that a mean and a variance of few models are uncertain",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        target, signal, seen = logits_of(view, self.shadows)
        ratio = log_ratio(target, sums(signal, seen), sums(signal, ~seen), self.strength, self.pull)
        return MembershipGuess(np.where(np.isfinite(ratio), ratio, 0.0))


def log_ratio(target: Array, inside: Sums, outside: Sums, strength: float, pull: float) -> Array:
    """The logarithm of the ratio of the two predictive densities at the target's signal: [records]."""
    both = np.nanmean((inside.mean - outside.mean) ** 2)
    floor = 0.25 * float(both) + 1e-6
    gap = float(np.nanmean(inside.mean - outside.mean))
    anchor = np.where(np.isnan(outside.mean), inside.mean - gap, outside.mean)
    above = _predictive(target, inside, anchor + gap, inside.pooled_variance(floor), strength, pull)
    return above - _predictive(target, outside, anchor, outside.pooled_variance(floor), strength, pull)


def _predictive(target: Array, of: Sums, center: Array, variance: float, strength: float, pull: float) -> Array:
    """Log-density of Student's t with the posterior's parameters (Murphy 2007, eq. 110)."""
    from scipy import stats

    mean = np.where(of.n > 0, np.nan_to_num(of.mean), center)
    kappa, alpha = pull + of.n, (strength + of.n) / 2
    beta = 0.5 * (strength * variance + of.deviations + pull * of.n * (mean - center) ** 2 / kappa)
    middle = (pull * center + of.n * mean) / kappa
    return np.asarray(stats.t.logpdf(target, 2 * alpha, middle, np.sqrt(beta * (kappa + 1) / (alpha * kappa))))
