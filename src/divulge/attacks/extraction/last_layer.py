"""The hidden width before the last layer, from the rank of logits (Carlini et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.extraction import Claim, ExtractionGuess, ExtractionView

FEWEST_GAP = 20.0


@dataclass(frozen=True)
class LastLayer:
    """Logits are a linear map of the last hidden layer, so their rank over many queries is its width, where there are
    more classes than that.  It is read off the singular values at their steepest fall.  Scores do as well as logits:
    they are logits up to a shift.
    """

    card: ClassVar[Card] = Card(
        name="last_layer",
        title="Rank of the logits",
        family=Family.EXTRACTION,
        asset=Asset.ARCHITECTURE,
        paper="carlini2024",
        equations="section 4.1, algorithm 1",
        summary="tells the width of the last hidden layer of a network with more classes than that",
        needs=Needs(Access.SCORES),
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack; two queries for each class."""
        asked = 2 * view.classes
        if view.classes < 3 or view.affordable(asked) < asked:
            raise Impossible(f"it needs three classes or more and {asked:,} queries")
        scores = view.target.log_scores(view.uniform(asked))
        centered = scores - scores.mean(axis=1, keepdims=True)
        centered = centered - centered.mean(axis=0)
        sizes = np.linalg.svd(centered, compute_uv=False)[: view.classes - 1]
        sizes = np.maximum(sizes, sizes[0] * 1e-15)
        falls = sizes[:-1] / sizes[1:]
        place = int(falls.argmax())
        if falls[place] < FEWEST_GAP:
            raise Impossible(
                "the singular values of its scores fall nowhere steeply: the last hidden layer is at least as wide as "
                "there are classes, or the scores are not made from logits"
            )
        return ExtractionGuess(claims=(Claim("hidden_width", float(place + 1)),))
