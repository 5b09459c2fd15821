"""The likelihood ratio attack (Carlini et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from divulge.attacks.membership.shadows.shadow_statistics import Sums, logits_of, normal_log_density, sums
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

Variance = Literal["auto", "global", "record"]

ENOUGH_FOR_OWN_VARIANCE = 64
"""Shadow models from which on each record has a variance of its own (section VI of the paper: fixed below)."""


@dataclass(frozen=True)
class Lira:
    """Normal densities of the logit-scaled confidence under models that saw the record and under those that did not
    (Carlini et al. 2022, algorithm 1 and eq. 6).

    shadows: models, half of which saw each record.  variance: one for all records, one a record, or by the number of
    shadow models: one for all below 64, as the paper does.  That one is pooled within records, while the paper's code
    takes the spread of all values, differences between records included (ranks correlate at 0.97).  With few models and
    records that vary unequally, `bavaria`, which shrinks each record's variance towards the pooled one, does better
    than either.
    """

    shadows: int = 16
    variance: Variance = "auto"

    card: ClassVar[Card] = Card(
        name="lira",
        title="LiRA, online",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2022",
        equations="algorithm 1, eq. 6",
        differs="below 64 models one variance for all records, as in the paper, but pooled within records, not over "
        "all values",
        summary="asks whether the confidence is more likely of a model that saw the record or of one that did not",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
        strength=0.9,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        return MembershipGuess(lira_ratio(*logits_of(view, self.shadows), self.variance))


def lira_ratio(target: Array, signal: Array, seen: Array, variance: Variance = "auto") -> Array:
    """The logarithm of the ratio of the two densities at the target's signal: [records]; 0 where either is unknown.

    signal: [models, records].  seen: bool [models, records], which model saw which record.
    """
    inside, outside = sums(signal, seen), sums(signal, ~seen)
    above, below = (normal_log_density(target, of.mean, _variance(of, signal, variance)) for of in (inside, outside))
    return np.where(np.isfinite(above - below), above - below, 0.0)


def _variance(of: Sums, signal: Array, which: Variance) -> Array | float:
    """One for all records, or one a record, kept from 0."""
    pooled = of.pooled_variance(floor=float(signal.var()))
    if which == "global" or (which == "auto" and len(signal) < ENOUGH_FOR_OWN_VARIANCE):
        return pooled
    return np.asarray(np.maximum(of.deviations / np.maximum(of.n, 1), 1e-3 * pooled))


@dataclass(frozen=True)
class LiraOffline(Lira):
    """One-sided: how unlikely so high a confidence is of a model that did not see the record (section VI-A)."""

    card: ClassVar[Card] = Card(
        name="lira_offline",
        title="LiRA, offline",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2022",
        equations="section V, offline attack",
        summary="asks how unlikely so high a confidence is of a model that did not see the record",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record; only models that did not see a record are asked about it."""
        from scipy import special

        target, signal, seen = logits_of(view, self.shadows)
        outside = sums(signal, ~seen)
        z = (target - outside.mean) / np.sqrt(_variance(outside, signal, self.variance))
        z = np.where(np.isfinite(z), z, 0.0)
        return MembershipGuess(-special.log_ndtr(-z), tie_break=z)
