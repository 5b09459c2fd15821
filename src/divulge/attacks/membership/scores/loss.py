"""The loss threshold attack (Yeom et al. 2018, adversary 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.signals import own_logit
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class Loss:
    """Call records with a small loss members (Yeom et al. 2018, adversary 2, one threshold for all).

    The score is log p_y, minus the cross-entropy; where it saturates at p_y = 1, log(p_y / (1 - p_y)) goes on telling
    records apart.
    """

    card: ClassVar[Card] = Card(
        name="loss",
        title="Loss threshold",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="yeom2018",
        equations="adversary 2, section 3.2",
        summary="calls a record a member when the model's loss on it is small",
        needs=Needs(Access.SCORES),
        strength=0.7,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        logit = own_logit(view.target.log_scores(view.candidates), view.candidates.y)
        return MembershipGuess(-np.logaddexp(0, -logit), logit)
