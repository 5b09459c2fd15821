"""Confidence in the true class, with a threshold for every class (Song and Mittal 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.membership.scores.class_thresholds import above_class_threshold
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class Confidence:
    """Confidence p_y against a threshold of its class (Song and Mittal 2021, I_conf), on the logit scale."""

    card: ClassVar[Card] = Card(
        name="confidence",
        title="Confidence, thresholds by class",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="song2021",
        equations="section 3.1.2, I_conf",
        summary="calls a record a member when the model is surer of its true class than a shadow model is of strangers",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=1,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record, one shadow model."""
        return MembershipGuess(above_class_threshold(view, _signal))


def _signal(log_scores: Array, y: Array) -> Array:
    return logit_scaled(log_scores, y)
