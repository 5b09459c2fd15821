"""Which value makes the model err as it errs on training records (Yeom et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.attributes.answers_by_value import Answerer, log_likelihood_of_class
from divulge.attacks.reconstruction.attributes.fredrikson import KNOWN
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, Question


@dataclass(frozen=True)
class YeomAttribute:
    """The value whose loss is likeliest for a training record: prior times a normal density of the loss, whose spread
    is the training loss (Yeom et al. 2018, section 4, adversary 4 with the density of the error).

    spread: the training loss, where it was published; estimated from the smallest losses when None.
    """

    spread: float | None = None

    card: ClassVar[Card] = Card(
        name="yeom_attribute",
        title="Attribute by the loss",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.ATTRIBUTES,
        paper="yeom2018",
        equations="section 4, adversary 4",
        summary="tries every value and takes the one whose loss is like that of a training record",
        needs=Needs(Access.SCORES, KNOWN),
    )

    def run(self, view: AttributeView) -> AttributeGuess:
        """Cost: one query for each record and value."""
        return Answerer(self._score)(view)

    def _score(self, view: AttributeView, question: Question) -> Array:
        loss = -log_likelihood_of_class(view, question)
        spread = self.spread if self.spread is not None else float(np.median(loss.min(axis=1)))
        return np.asarray(view.log_prior(question) - 0.5 * (loss / max(spread, 1e-3)) ** 2)
