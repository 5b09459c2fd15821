"""Updates of several local steps, inverted by simulating them (Dimitrov et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.attacks.reconstruction.gradients.inverting_gradients import searched
from divulge.attacks.reconstruction.gradients.last_layer_gradients import classes_of
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdateView


@dataclass(frozen=True)
class FedavgInversion:
    """Updates of several local steps: the steps are simulated, and which record was in which of them is sought by
    restarts (Dimitrov et al. 2022, algorithm 2).  Several epochs go through the records in the same order, so that one
    record stands for all of its turns, which is the paper's prior between epochs at its strongest.

    restarts: with the classes in another order.  The rest as for inverting gradients.
    """

    total_variation: float = 1e-3
    restarts: int = 4
    steps: int = 1_000
    rate: float = 0.1

    card: ClassVar[Card] = Card(
        name="fedavg_inversion",
        title="Inverting federated averaging",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="dimitrov2022",
        equations="algorithm 2",
        summary="looks for records that, trained on for as many local steps, give the update that was sent",
        needs=Needs(Access.UPDATES),
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text and for a single local step."""
        from divulge.attacks.reconstruction.gradients.gradient_matching import Prior

        numbers_only(view, several_steps=True)
        if not view.updates[0].several:
            raise Impossible("the update is of one step: inverting_gradients does the same")
        codes = classes_of(view, view.updates)
        mixed = np.concatenate([view.rng.permuted(codes, axis=1) for _ in range(self.restarts)])
        return searched(view, Prior(self.total_variation), self.restarts, self.steps, self.rate, mixed)
