"""A classifier of models, fed with their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.fitted import as_rows, parameters_of
from divulge.attacks.property.meta import answered, learn, ridge, ridge_on_components, trees
from divulge.attacks.property.property_chosen import weighed
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView


@dataclass(frozen=True)
class PropertyParameters:
    """A meta-classifier learns from the parameters of own models as they are: coefficients, the means and counts of
    naive Bayes, support vectors' weights, where trees split and how many records reach their nodes, the means and
    spreads that a pipeline scales by (Ateniese et al. 2015, section 3).  Of a network what does not depend on the order
    of its neurons: the product of all weights from input to output, how strong each input's weights are, and the
    biases in order of size.
    """

    card: ClassVar[Card] = Card(
        name="property_parameters",
        title="Meta-classifier on parameters",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="ateniese2015",
        equations="section 3, algorithm 1",
        summary="learns on own models how fitted parameters go with the property",
        needs=Needs(Access.PARAMETERS, frozenset({Knowledge.POPULATION, Knowledge.RECIPE}), tasks=frozenset(Task)),
        strength=1.0,
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: no query.  Raises Impossible where models have no parameters of equal shape."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        cohort = question.shadows()
        rows = as_rows([parameters_of(s.parameters()) for s in (*cohort.oracles, *question.victims)])
        own, theirs = rows[: len(cohort)], rows[len(cohort) :]
        best = weighed(
            [
                learn(own, theirs, cohort, ridge, "all of them"),
                learn(own, theirs, cohort, ridge_on_components, "their principal components"),
                learn(own, theirs, cohort, trees, "by trees"),
            ],
            cohort.values,
        )
        return answered(question, cohort, best, (f"{np.shape(own)[1]:,} numbers; {best.name}",))
