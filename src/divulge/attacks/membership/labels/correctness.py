"""The label-only attack that every model is open to: was the prediction right? (Song and Mittal 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class Correctness:
    """Call a record a member when the predicted label is right (Song and Mittal 2021, eq. 2, I_corr).

    Its advantage is exactly the gap between training and test accuracy.
    """

    card: ClassVar[Card] = Card(
        name="correctness",
        title="Prediction correctness (label only)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="song2021",
        equations="section 3.1.1, I_corr",
        summary="calls a record a member when the model predicts its label rightly",
        needs=Needs(Access.LABEL),
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        right = view.target.labels(view.candidates) == view.candidates.y
        return MembershipGuess(np.asarray(right, dtype=np.float64))
