"""Labels by the length of the gradients that a party without labels is sent (Li et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.vertical import CutView, LabelGuess

EVEN = 0.4
"""Share of the rarer class from which two classes are about as common, so that lengths say nothing."""


@dataclass(frozen=True)
class LabelNorm:
    """A model says of two classes what their shares are at first, so the gradient of a record of the rarer class is the
    longer one: as many of the longest as there are records of it in the population (Li et al. 2022, norm-based attack).
    """

    card: ClassVar[Card] = Card(
        name="label_norm",
        title="Length of gradients",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.LABELS,
        paper="li2022",
        equations="attack 1, by the norm",
        summary="takes the records with the longest gradients for those of the rarer class",
        needs=Needs(Access.CUT_GRADIENTS),
        strength=0.5,
        differs="as many records as the population's share of the rarer class are taken, where the paper states the "
        "area under the ROC curve, which is told beside it",
    )

    def run(self, view: CutView) -> LabelGuess:
        """Cost: no query.  Raises Impossible for more than two classes, and for two that are as common."""
        shares = view.shares
        if len(shares) != 2:
            raise Impossible(f"it tells two classes apart, and there are {len(shares)}: see label_direction")
        rare = int(shares.argmin())
        if shares[rare] > EVEN:
            raise Impossible("both classes are about as common, so neither has the longer gradients")
        length = np.linalg.norm(view.gradients, axis=1)
        labels = np.full(len(length), 1 - rare)
        labels[np.argsort(-length, kind="stable")[: max(1, round(float(shares[rare]) * len(length)))]] = rare
        return LabelGuess(labels, length)
