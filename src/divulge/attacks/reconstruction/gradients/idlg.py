"""The class first, then the record whose gradient is the one that was sent (Zhao et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.reconstruction.gradients.dlg import matched, numbers_only
from divulge.attacks.reconstruction.gradients.last_layer_gradients import classes_of
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdateView


@dataclass(frozen=True)
class Idlg:
    """The class first, from the sign of the last layer's gradient, then the record (Zhao et al. 2020, algorithm 1).

    restarts, steps: as for DLG.
    """

    restarts: int = 1
    steps: int = 200

    card: ClassVar[Card] = Card(
        name="idlg",
        title="iDLG",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="zhao2020",
        equations="algorithm 1",
        summary="reads the class off the last layer, then looks for the record whose gradient is the one that was sent",
        needs=Needs(Access.UPDATES),
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text, several local steps and batches of more than eight."""
        numbers_only(view)
        return matched(view, classes_of(view, view.updates), self.restarts, self.steps)
