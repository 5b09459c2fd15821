"""The likelihood ratio attack (Carlini et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from scipy import special

from divulge.attacks.membership.shadow_statistics import Sums, normal_log_density, sums
from divulge.core.attack import Card
from divulge.core.evidence import MembershipGuess
from divulge.core.hashing import Array
from divulge.core.scene import MembershipScene
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs

ENOUGH_FOR_OWN_VARIANCE = 64
"""Shadow models from which on each record has a variance of its own (section VI of the paper: fixed below)."""


@dataclass(frozen=True)
class Lira:
    """Normal densities of the logit-scaled confidence under models that saw the record and under those that did not
    (Carlini et al. 2022, algorithm 1 and eq. 6).

    shadows: models, half of which saw each record.  variance: one for all records, one a record, or by the number of
    shadow models as the paper does.
    """

    shadows: int = 16
    variance: Literal["auto", "global", "record"] = "auto"

    card: ClassVar[Card] = Card(
        name="lira",
        title="LiRA, online",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2022",
        equations="algorithm 1, eq. 6",
        summary="asks whether the confidence is more likely of a model that saw the record or of one that did not",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
    )

    def run(self, scene: MembershipScene) -> MembershipGuess:
        """Cost: one query a record."""
        shadows = scene.shadows(self.shadows)
        signal = shadows.signals(scene.candidates, logit_scaled)
        seen = shadows.trained_on(scene.candidates)
        target = logit_scaled(scene.target.log_scores(scene.candidates), scene.candidates.y)
        inside, outside = sums(signal, seen), sums(signal, ~seen)
        ratio = self._log_density(target, inside, signal) - self._log_density(target, outside, signal)
        return MembershipGuess(np.where(np.isfinite(ratio), ratio, 0.0))

    def _log_density(self, target: Array, of: Sums, signal: Array) -> Array:
        own = self.variance == "record" or (self.variance == "auto" and len(signal) >= ENOUGH_FOR_OWN_VARIANCE)
        pooled = of.pooled_variance(floor=float(signal.var()))
        variance = np.maximum(of.deviations / np.maximum(of.n, 1), 1e-3 * pooled) if own else pooled
        return normal_log_density(target, of.mean, variance)


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

    def run(self, scene: MembershipScene) -> MembershipGuess:
        """Cost: one query a record; only models that did not see a record are asked about it."""
        shadows = scene.shadows(self.shadows)
        signal = shadows.signals(scene.candidates, logit_scaled)
        outside = sums(signal, ~shadows.trained_on(scene.candidates))
        target = logit_scaled(scene.target.log_scores(scene.candidates), scene.candidates.y)
        pooled = outside.pooled_variance(floor=float(signal.var()))
        own = self.variance == "record" or (self.variance == "auto" and len(signal) >= ENOUGH_FOR_OWN_VARIANCE)
        variance = np.maximum(outside.deviations / np.maximum(outside.n, 1), 1e-3 * pooled) if own else pooled
        z = (target - outside.mean) / np.sqrt(variance)
        z = np.where(np.isfinite(z), z, 0.0)
        return MembershipGuess(-special.log_ndtr(-z), tie_break=z)
