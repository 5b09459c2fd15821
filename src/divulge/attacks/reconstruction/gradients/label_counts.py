"""How many records of each class are in a batch, from the gradient of the last layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.reconstruction.gradients.last_layer_gradients import classes_of
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdateView


@dataclass(frozen=True)
class LabelCounts:
    """See last_layer_gradients.label_counts (Zhao et al. 2020; Ma et al. 2023)."""

    card: ClassVar[Card] = Card(
        name="label_counts",
        title="Classes of a batch",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.UPDATES,
        paper="ma2023",
        equations="section 4",
        summary="counts the records of each class behind an update",
        needs=Needs(Access.UPDATES),
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible where the last layer is not dense."""
        return SampleGuess((), tuple(classes_of(view, view.updates)))
