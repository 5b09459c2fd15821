"""Property inference by poisoning, from labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.contributed import contributed, contributor
from divulge.attacks.property.meta import answered, learn
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView, each


@dataclass(frozen=True)
class PropertyPoisoning:
    """Records of the kind are contributed with one class, so that the best label for the kind depends on how common it
    is; a meta-classifier learns from labels of records of the kind (Mahloujifar et al. 2022, section 4).

    rate: of the training set's size, how many records are contributed.
    """

    rate: float = 0.05

    card: ClassVar[Card] = Card(
        name="property_poisoning",
        title="Poisoning, from labels",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="mahloujifar2022",
        equations="section 4",
        summary="contributes records of the kind with a changed class, and learns from labels",
        needs=contributor(Access.LABEL),
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: one label for each query record of the kind that was not contributed."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        contribution = contributed(question, self.rate)

        def labels(oracle: Oracle) -> Array:
            given = (oracle.labels(contribution.asked) == contribution.target).astype(np.float64)
            return np.append(given, given.mean() * np.sqrt(len(given)))

        cohort = contribution.question.shadows()
        own, theirs = each(cohort.oracles, labels), each(contribution.question.victims, labels)
        return answered(question, cohort, learn(own, theirs, cohort), contribution.told)
