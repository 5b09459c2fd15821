"""A classifier of models, fed with their answers to chosen queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.meta import answered, answers_of, compared, learn, ridge
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView


@dataclass(frozen=True)
class PropertyQueries:
    """A meta-classifier learns from the answers of own models to all queries; the queries of which the answers go most
    with the property are kept, and it learns again from these alone (Zhang et al. 2021, section 4).

    kept: queries.
    """

    kept: int = 200

    card: ClassVar[Card] = Card(
        name="property_queries",
        title="Meta-classifier on chosen queries",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="zhang2021",
        equations="section 4",
        summary="learns on own models how answers to chosen queries go with the property",
        needs=Needs(Access.SCORES, frozenset({Knowledge.POPULATION, Knowledge.RECIPE}), tasks=frozenset(Task)),
        strength=0.9,
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: the scores of one query for each query record."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        cohort = question.shadows()
        own, theirs = compared(question, cohort, answers_of)
        predicted = learn(own, theirs, cohort, self._learned)
        return answered(
            question, cohort, predicted, (f"{min(self.kept, own.shape[1])} of {own.shape[1]} answers were used",)
        )

    def _learned(self, own: Array, values: Array, theirs: Array) -> Array:
        spread = own - own.mean(axis=0)
        size = np.sqrt((spread**2).sum(axis=0)) * np.sqrt(((values - values.mean()) ** 2).sum())
        strength = np.abs(spread.T @ (values - values.mean())) / np.maximum(size, 1e-12)
        best = np.argsort(-strength, kind="stable")[: self.kept]
        return ridge(own[:, best], values, theirs[:, best])
