"""ML-Leaks adversary 3: no shadow model, no data, one statistic of the scores (Salem et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from divulge.core.attack import Card
from divulge.core.signals import entropy, logit_scaled
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class MlLeaksUnsupervised:
    """A threshold on the highest score, the deviation or the entropy of the scores (Salem et al. 2019, section V).

    The true class is not used, so the attack works on records whose label the adversary does not know.
    """

    statistic: Literal["maximum", "deviation", "entropy"] = "maximum"

    card: ClassVar[Card] = Card(
        name="ml_leaks_unsupervised",
        title="ML-Leaks, no shadow model",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="salem2019",
        equations="section V, adversary 3",
        summary="calls a record a member when the model is very sure of whatever it predicts",
        needs=Needs(Access.SCORES),
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        log_scores = view.target.log_scores(view.candidates)
        if self.statistic == "maximum":
            return MembershipGuess(logit_scaled(log_scores, log_scores.argmax(axis=1)))
        if self.statistic == "deviation":
            return MembershipGuess(np.exp(log_scores).std(axis=1))
        return MembershipGuess(-entropy(log_scores))
