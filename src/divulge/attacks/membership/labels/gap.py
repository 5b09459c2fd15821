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

    The loss is 1 - p_y, so B = 1, and the expected advantage is the generalisation gap of that loss (theorem 2).  The
    paper's adversary tosses a coin of that probability for every record.  What is handed in is the probability: the
    mean difference between members and others is theorem 2's advantage without the coin's noise, it is the same each
    time, and records that the model is equally sure of stay equal.  Records then stand in the order of the loss.
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
        ranks_as="loss",
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        return MembershipGuess(np.exp(of_class(view.target.log_scores(view.candidates), view.candidates.y)))
