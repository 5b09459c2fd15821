"""Membership in the training data of a regression model, by its error (Yeom et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class AbsoluteError:
    """Call records with a small absolute error members (Yeom et al. 2018, adversary 2 for regression, section 3.2)."""

    card: ClassVar[Card] = Card(
        name="absolute_error",
        title="Absolute error (regression)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="yeom2018",
        equations="adversary 2, section 3.2",
        summary="calls a record a member when the predicted value is close to the true one",
        needs=Needs(Access.LABEL, tasks=frozenset({Task.REGRESSION})),
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        return MembershipGuess(-np.abs(view.target.values(view.candidates) - view.candidates.y))
