"""The hidden width before the last layer, from the rank of logits (Carlini et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.extraction import PROJECTION, Claim, ExtractionGuess, ExtractionView, Parameters

FEWEST_GAP = 20.0

NOISE = 1e-5
"""Share of the largest singular value below which there is nothing but rounding, of single precision too."""

ASKED = 500
"""Queries at least: a neuron that few inputs switch on is to be seen in some answer."""

EACH = 2
"""Queries for each class."""


@dataclass(frozen=True)
class LastLayer:
    """Logits are a linear map of the last hidden layer, so their rank over many queries is its width, where there are
    more classes than that.  It is read off the singular values at their steepest fall.  Scores do as well as logits:
    they are logits up to a shift.  The singular vectors span what the last layer's weights span: they are those weights
    up to an invertible map of the hidden units, which no answer can tell (section 4.2).
    """

    card: ClassVar[Card] = Card(
        name="last_layer",
        title="Rank of the logits",
        family=Family.EXTRACTION,
        asset=Asset.ARCHITECTURE,
        paper="carlini2024",
        equations="sections 4.1 and 4.2, algorithm 1",
        summary="tells the width of the last hidden layer and what its weights span, where there are more classes",
        needs=Needs(Access.SCORES),
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack; two queries for each class."""
        wished = max(EACH * view.classes, ASKED)
        asked = view.affordable(wished)
        if view.classes < 3 or asked < EACH * view.classes:
            raise Impossible(f"it needs three classes or more and {EACH * view.classes:,} queries")
        scores = view.target.log_scores(view.uniform(asked))
        centered = scores - scores.mean(axis=1, keepdims=True)
        centered = centered - centered.mean(axis=0)
        _, sizes, axes = np.linalg.svd(centered, full_matrices=False)
        sizes = np.maximum(sizes[: view.classes - 1], sizes[0] * 1e-15)
        falls = sizes[:-1] / sizes[1:]
        # Where few neurons are hardly ever on the sizes fall steeply too, but not to nothing.
        deep = (falls >= FEWEST_GAP) & (sizes[1:] <= NOISE * sizes[0])
        if not deep.any():
            raise Impossible(
                "the singular values of its scores fall nowhere steeply to nothing: the last hidden layer is at least "
                "as wide as there are classes, or the scores are not made from logits"
            )
        place = int(np.where(deep, falls, 0).argmax())
        width = place + 1
        basis = Parameters(PROJECTION, (np.asarray(axes[:width].T),))
        return ExtractionGuess(parameters=basis, claims=(Claim("hidden_width", float(width)),))
