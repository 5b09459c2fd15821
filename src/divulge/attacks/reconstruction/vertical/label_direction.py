"""Labels by the direction of the gradients that a party without labels is sent (Li et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.vertical import CutView, LabelGuess

NOTHING = 1e-30
"""A gradient that is shorter has no direction."""


@dataclass(frozen=True)
class LabelDirection:
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
