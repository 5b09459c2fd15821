"""The one record that an adversary does not know (Balle et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.linear_models import BOTH, codes_for, linear_model
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import InformedView, SampleGuess


@dataclass(frozen=True)
class InformedAdversary:
    """Where all records are known but one, the slopes of the known ones at the optimum must be cancelled by that of the
    unknown one, which is read off (Balle et al. 2022, section 3).
    """

    card: ClassVar[Card] = Card(
        name="informed_adversary",
        title="Informed adversary",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.INFORMED,
        paper="balle2022",
        equations="section 3 (convex models)",
        summary="knows all training records but one, and solves for it",
        needs=Needs(Access.PARAMETERS, frozenset({Knowledge.TRAINING_DATA}), tasks=BOTH),
    )

    def run(self, view: InformedView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for models that are not linear."""
        model = linear_model(view.target.parameters())
        rebuilt = []
        for known in view.known:
            rows = model.prepared(known.flat())
            wide = np.column_stack([rows, np.ones(len(rows))])
            own = np.column_stack([model.penalty * model.weights, np.zeros(len(model.bias))])
            slope = -(model.errors(rows, codes_for(model, known)).T @ wide + own)
            rebuilt.append(np.clip(model.record(slope).reshape(view.shape), view.low, view.high)[None])
        return SampleGuess(tuple(rebuilt))
