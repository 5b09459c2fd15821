"""Regression error compared with what models that never saw the record make (Watson et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


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

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record, eight shadow models."""
        candidates = view.candidates
        shadows = view.shadows(self.card.models)
        nonmembers = ~shadows.trained_on(candidates)
        errors = np.stack([np.abs(shadows.oracle(i).values(candidates) - candidates.y) for i in range(len(shadows))])
        expected = (errors * nonmembers).sum(axis=0) / np.maximum(nonmembers.sum(axis=0), 1)
        return MembershipGuess(expected - np.abs(view.target.values(candidates) - candidates.y))
