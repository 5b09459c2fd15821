"""Explanations as a leak (Shokri, Strobel and Zick 2021): of members they are flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class ExplanationVariance:
    """A model is sure of its training records and far from them its boundaries lie, so that slopes of the score are
    small there: the variance of an explanation over its inputs is the score, small for members, on the log scale
    (Shokri et al. 2021, section 4, threshold attack on explanations).
    """

    card: ClassVar[Card] = Card(
        name="explanation_variance",
        title="Variance of explanations",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="shokri2019",
        equations="section 4, threshold on the variance of an explanation",
        summary="calls a record a member when the explanation of its answer is flat",
        needs=Needs(Access.EXPLANATIONS),
        default=False,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        said = view.target.ask(Access.EXPLANATIONS, view.candidates)
        return MembershipGuess(-np.log(np.maximum(said.var(axis=1), 1e-300)))
