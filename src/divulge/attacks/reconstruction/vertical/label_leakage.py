"""Labels out of the gradients that a party without labels is sent (Li et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.vertical import CutView, LabelGuess

EVEN = 0.4
"""Share of the rarer class from which two classes are about as common, so that lengths say nothing."""

NOTHING = 1e-30
"""A gradient that is shorter has no direction."""


@dataclass(frozen=True)
class GradientNorm:
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


@dataclass(frozen=True)
class GradientDirection:
    """Gradients of records of one class point the same way, and of two classes opposite ways, so a record has the class
    of the known record whose gradient is nearest in direction (Li et al. 2022, direction-based attack).
    """

    card: ClassVar[Card] = Card(
        name="label_direction",
        title="Direction of gradients",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.LABELS,
        paper="li2022",
        equations="attack 2, by the direction",
        summary="compares the direction of each gradient with that of one record of each class whose label is known",
        needs=Needs(Access.CUT_GRADIENTS),
        strength=0.9,
        differs="a record of each class is known, for any number of classes, where the paper knows one of the positive "
        "class of two",
    )

    def run(self, view: CutView) -> LabelGuess:
        """Cost: no query."""
        alike = _directions(view.gradients) @ _directions(view.examples).T
        evidence = None
        if len(view.shares) == 2:
            rare = int(view.shares.argmin())
            evidence = alike[:, rare] - alike[:, 1 - rare]
        gone = int((np.linalg.norm(view.gradients, axis=1) <= NOTHING).sum())
        told = (f"{gone} of {len(alike)} gradients are zero, and are taken for the first class",) if gone else ()
        return LabelGuess(alike.argmax(axis=1), evidence, told)


def _directions(gradients: Array) -> Array:
    return np.asarray(gradients / np.maximum(np.linalg.norm(gradients, axis=1, keepdims=True), NOTHING))
