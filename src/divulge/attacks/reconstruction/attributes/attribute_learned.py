"""An attribute learned from the rest of the record and the model's answers, as ART's black-box attack does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.attributes.answers_by_value import MOST_LEARNED, Answerer, Imputer
from divulge.attacks.reconstruction.attributes.fredrikson import KNOWN
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, Question


@dataclass(frozen=True)
class AttributeLearned:
    """A classifier learns the attribute on the population, from the rest of the record, its class, and what the model
    answers for every value that the attribute may have.
    """

    card: ClassVar[Card] = Card(
        name="attribute_learned",
        title="Attribute by a learned attack",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.ATTRIBUTES,
        paper="nicolae2018",
        equations="AttributeInferenceBlackBox, with the answers for every value in place of the record's own",
        summary="learns on public records how the model's answers go with the attribute",
        needs=Needs(Access.SCORES, KNOWN),
        strength=1.0,
        seconds=60.0,
    )

    def run(self, view: AttributeView) -> AttributeGuess:
        """Cost: one query for each value, and each record asked about or of the population."""
        return Answerer(self._score)(view)

    def _score(self, view: AttributeView, question: Question) -> Array:
        def answers(records: Records) -> Array:
            completed = [question.completed(v, records) for v in range(len(question.completions))]
            return np.column_stack([view.target.log_scores(r)[:, 1:] for r in completed])

        public = view.telling(question, MOST_LEARNED)
        return Imputer(question, public, answers).log_probabilities(question.known)
