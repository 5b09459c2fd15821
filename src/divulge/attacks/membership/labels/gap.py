"""The generalisation gap as an attack (Yeom et al. 2018, adversary 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.signals import of_class
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class Gap:
    """Call a record a member with probability 1 - loss / B (Yeom et al. 2018, adversary 1).

    The loss is 1 - p_y, so B = 1, and the expected advantage is the generalisation gap of that loss (theorem 2).
    """

    card: ClassVar[Card] = Card(
        name="gap",
        title="Generalisation gap",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="yeom2018",
        equations="adversary 1, theorem 2",
        summary="calls a record a member as often as the model is confident in its true class",
        needs=Needs(Access.SCORES),
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """One coin a candidate.  Cost: one query a record."""
        confidence = np.exp(of_class(view.target.log_scores(view.candidates), view.candidates.y))
        called = view.rng.random(len(confidence)) < confidence
        return MembershipGuess(called.astype(np.float64))
