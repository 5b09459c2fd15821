"""Difficulty calibration (Watson et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.shadows.shadow_statistics import sums
from divulge.core.attack import Card
from divulge.core.signals import of_class
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class DifficultyCalibration:
    """The negative loss minus its mean over models that did not see the record (Watson et al. 2022, eq. 1).

    shadows: models.
    """

    shadows: int = 16

    card: ClassVar[Card] = Card(
        name="difficulty_calibration",
        title="Difficulty calibration",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="watson2022",
        equations="eq. 1",
        summary="subtracts from the loss what models lose on the record that never saw it",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        shadows = view.shadows(self.shadows)
        expected = sums(shadows.signals(view.candidates, of_class), ~shadows.trained_on(view.candidates)).mean
        loss = of_class(view.target.log_scores(view.candidates), view.candidates.y)
        return MembershipGuess(np.nan_to_num(loss - expected))
