"""Modified prediction entropy, with a threshold for every class (Song and Mittal 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.scores.class_thresholds import above_class_threshold
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.signals import modified_entropy
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

TINY = 1e-300


@dataclass(frozen=True)
class ModifiedEntropy:
    """Modified entropy against a threshold of its class (Song and Mittal 2021, eq. 6), on the log scale."""

    card: ClassVar[Card] = Card(
        name="modified_entropy",
        title="Modified entropy, thresholds by class",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="song2021",
        equations="eq. 6, I_Mentr",
        summary="as prediction entropy, but a confident wrong answer counts against membership",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=1,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record, one shadow model."""
        return MembershipGuess(above_class_threshold(view, _signal))


def _signal(log_scores: Array, y: Array) -> Array:
    return -np.log(np.maximum(modified_entropy(log_scores, y), TINY))
