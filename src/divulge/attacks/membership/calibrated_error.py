"""Regression error compared with what models that never saw the record make (Watson et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.evidence import MembershipGuess
from divulge.core.scene import MembershipScene
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task


@dataclass(frozen=True)
class CalibratedError:
    """Absolute error minus its mean over shadow models that did not see the record (Watson et al. 2022, eq. 1).

    A hard record has a large error under every model: only what the target does better than strangers counts.
    """

    card: ClassVar[Card] = Card(
        name="calibrated_error",
        title="Calibrated error (regression)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="watson2022",
        equations="eq. 1, with the absolute error as score",
        summary="calls a record a member when this model errs less on it than models that never saw it",
        needs=Needs(Access.LABEL, frozenset({Knowledge.RECIPE}), tasks=frozenset({Task.REGRESSION})),
        models=8,
    )

    def run(self, scene: MembershipScene) -> MembershipGuess:
        """Cost: one query a record, eight shadow models."""
        candidates = scene.candidates
        shadows = scene.shadows(self.card.models)
        strangers = ~shadows.trained_on(candidates)
        errors = np.stack([np.abs(shadows.surface(i).values(candidates) - candidates.y) for i in range(len(shadows))])
        expected = (errors * strangers).sum(axis=0) / np.maximum(strangers.sum(axis=0), 1)
        return MembershipGuess(expected - np.abs(scene.target.values(candidates) - candidates.y))
