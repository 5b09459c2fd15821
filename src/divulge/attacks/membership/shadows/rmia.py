"""The robust membership inference attack (Zarifzadeh et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.shadows.shadow_statistics import log_mean_exp
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.signals import of_class
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView, Shadows


@dataclass(frozen=True)
class Rmia:
    """The share of other records z that x dominates: p(x|target)/p(x) > gamma p(z|target)/p(z) (Zarifzadeh et al.
    2024, eq. 2 and 3).  The other candidates are the population; the marginal p(x) is the mean over the shadow models,
    half of which saw the record.

    shadows: models.  gamma: by how much x must dominate.
    """

    shadows: int = 16
    gamma: float = 1.0

    card: ClassVar[Card] = Card(
        name="rmia",
        title="RMIA, online",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="zarifzadeh2024",
        equations="eq. 2 and 3",
        summary="compares how much this model prefers the record with how much it prefers other records",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
        strength=0.9,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record; O(n log n) comparisons.  Equal shares are ordered by the ratio itself."""
        candidates = view.candidates
        shadows = view.shadows(self.shadows)
        ratio = of_class(view.target.log_scores(candidates), candidates.y) - self._log_marginal(shadows, view)
        dominated = np.searchsorted(np.sort(ratio), ratio - np.log(self.gamma), side="left")
        return MembershipGuess(dominated / len(ratio), tie_break=ratio)

    def _log_marginal(self, shadows: Shadows, view: MembershipView) -> Array:
        """Log p(x), [records]."""
        signal = shadows.signals(view.candidates, of_class)
        return log_mean_exp(signal, np.ones(signal.shape, dtype=bool))


@dataclass(frozen=True)
class RmiaOffline(Rmia):
    """With models that did not see the record only: p(x) = ((1 + a) p_out(x) + (1 - a)) / 2 (appendix B.2.2).

    a: how much members gain on average; 0.3 in the paper.
    """

    a: float = 0.3

    card: ClassVar[Card] = Card(
        name="rmia_offline",
        title="RMIA, offline",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="zarifzadeh2024",
        equations="appendix B.2.2",
        summary="as RMIA, with models only that did not see the record",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
    )

    def _log_marginal(self, shadows: Shadows, view: MembershipView) -> Array:
        outside = log_mean_exp(shadows.signals(view.candidates, of_class), ~shadows.trained_on(view.candidates))
        return np.log(((1 + self.a) * np.exp(np.where(np.isnan(outside), 0.0, outside)) + (1 - self.a)) / 2)
