"""Information gain as the sign of membership (Tao and Shokri 2026, InfoRMIA)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.shadows.shadow_statistics import log_mean_exp
from divulge.core.attack import Card
from divulge.core.signals import of_class
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class Informia:
    """How many bits the model has gained about the record beyond what it has gained about records at large:
    log2 p(x|model)/p(x) + D(p(z) || p(z|model)), with z the other candidates (Tao and Shokri 2026, the Bayes factor of
    section 3).  Above 0 the record is explained better by membership.  Where RMIA counts the z that x dominates, the
    mean of their gains takes their place, so that equal shares cannot arise.  For one model that mean is the same
    number for every record: it moves the threshold between models, and records stand in RMIA's order (here RMIA breaks
    its ties by the gain itself).  So beside RMIA it is one test with it; what it adds is the unit, bits.

    shadows: models of which the mean is p(x).
    """

    shadows: int = 16

    card: ClassVar[Card] = Card(
        name="informia",
        title="InfoRMIA",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="tao2026",
        equations="section 3: log p(x|theta)/p(x) + D_KL(p(z) || p(z|theta))",
        summary="RMIA's ranking in bits: what the model has gained about the record, less what it gained about others",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
        ranks_as="rmia",
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        signal = view.shadows(self.shadows).signals(view.candidates, of_class)
        prior = log_mean_exp(signal, np.ones(signal.shape, dtype=bool))
        gain = (of_class(view.target.log_scores(view.candidates), view.candidates.y) - prior) / np.log(2)
        return MembershipGuess(gain - gain.mean())
