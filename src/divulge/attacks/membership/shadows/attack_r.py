"""The reference-model attack (Ye et al. 2022, attack R)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.shadows.shadow_statistics import logits_of, sums
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class AttackR:
    """The share of models that did not see the record and have a larger loss on it than the target (Ye et al. 2022,
    section 4.3).

    shadows: models.
    """

    shadows: int = 16

    card: ClassVar[Card] = Card(
        name="attack_r",
        title="Reference models (attack R)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="ye2022",
        equations="section 4.3, attack R",
        summary="counts the models that never saw the record and fit it worse than this one does",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
        seconds=7.0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record.  Equal shares are ordered by the distance from the mean of those models."""
        target, signal, seen = logits_of(view, self.shadows)
        nonmembers = ~seen
        above = (nonmembers & (target > signal)).sum(axis=0) / np.maximum(nonmembers.sum(axis=0), 1)
        return MembershipGuess(above, tie_break=np.nan_to_num(target - sums(signal, nonmembers).mean))
