"""White-box: how hard does the record still pull at the parameters? (Nasr et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class GradientNorm:
    """The norm of the loss's gradient with respect to all parameters, small for members (Nasr et al. 2019, section
    III: training drives the gradients of members towards zero), on the log scale.
    """

    card: ClassVar[Card] = Card(
        name="gradient_norm",
        title="Gradient norm (white box)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="nasr2019",
        equations="section III, gradient of the loss",
        summary="calls a record a member when it hardly pulls at the model's parameters any more",
        needs=Needs(Access.GRADIENTS),
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        squares = (view.target.gradient_norms(view.candidates) ** 2).sum(axis=1)
        return MembershipGuess(-0.5 * np.log(np.maximum(squares, 1e-300)))
