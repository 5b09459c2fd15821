"""A classifier of models, fed with labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.property.meta import answered, compared, learn
from divulge.attacks.property.property_chosen import FROM_LABELS, weighed
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView


@dataclass(frozen=True)
class PropertyLabels:
    """The same from labels alone: how often each label is given, by kind of record and class, and the labels of all
    queries (Suri et al. 2023, section 4.3).
    """

    card: ClassVar[Card] = Card(
        name="property_labels",
        title="Meta-classifier on labels",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="suri2023",
        equations="section 4.3",
        summary="learns on own models how labels go with the property",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION, Knowledge.RECIPE}), tasks=frozenset(Task)),
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: one label for each query record."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        cohort = question.shadows()
        found = [
            learn(*compared(question, cohort, features), cohort, learner, name)
            for name, (features, learner) in FROM_LABELS.items()
        ]
        best = weighed(found, cohort.values)
        return answered(question, cohort, best, (f"weighed on own models: {best.name}",))
