"""Attributes by which values make the model say the record's class, and how surely (Mehnaz et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.attributes.answers_by_value import Answerer
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, Question


@dataclass(frozen=True)
class Csmia:
    """Three cases (Mehnaz et al. 2022, section 4.1): one value alone makes the model say the record's class: that one;
    several do: the one with which it is surest; none does: the one with which it is least sure of what it says.
    """

    card: ClassVar[Card] = Card(
        name="csmia",
        title="CSMIA",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.ATTRIBUTES,
        paper="mehnaz2022",
        equations="section 4.1",
        summary="takes the value with which the model is right and surest, or wrong and least sure",
        needs=Needs(Access.SCORES, frozenset({Knowledge.PARTIAL_RECORD})),
    )

    def run(self, view: AttributeView) -> AttributeGuess:
        """Cost: one query for each record and value."""
        return Answerer(_score)(view)


def _score(view: AttributeView, question: Question) -> Array:
    """Confidence where the model is right, minus confidence where it is wrong, and right comes first."""
    scores = [view.target.log_scores(question.completed(v)) for v in range(len(question.completions))]
    right = np.stack([s.argmax(axis=1) == question.known.y for s in scores], axis=1)
    confidence = np.stack([np.exp(s.max(axis=1)) for s in scores], axis=1)
    return np.where(right, 1 + confidence, -confidence)
