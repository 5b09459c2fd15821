"""Gradients inverted with what batch-norm layers remember (Yin et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.attacks.reconstruction.gradients.inverting_gradients import searched
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdateView


@dataclass(frozen=True)
class GradInversion:
    """The same with what batch-norm layers remember of all training inputs, for batches (Yin et al. 2021, equations 7
    to 9; without their registration of several images).

    statistics: weight of the distance to the running means and variances.  The rest as for inverting gradients.
    """

    statistics: float = 1e-3
    total_variation: float = 1e-3
    restarts: int = 1
    steps: int = 1_000
    rate: float = 0.1

    card: ClassVar[Card] = Card(
        name="grad_inversion",
        title="GradInversion",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="yin2021",
        equations="equations 7 to 9",
        summary="inverts gradients, helped by the statistics that batch-norm layers keep",
        needs=Needs(Access.UPDATES),
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text, several local steps, and modules without batch norm."""
        from torch import nn

        from divulge.attacks.reconstruction.gradients.gradient_matching import Prior

        numbers_only(view)
        layers = view.target.parameters().modules()
        if not any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in layers):
            raise Impossible("it needs batch-norm layers, and this module has none")
        prior = Prior(self.total_variation, self.statistics)
        return searched(view, prior, self.restarts, self.steps, self.rate)
