"""A classifier of models, fed with what they compute on the way to their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.meta import FEWEST_IN_GROUP, answered, compared, learn
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView


def group_internals(oracle: Oracle, question: PropertyQuestion) -> Array:
    """Mean and spread of every internal number, by kind of record and class: [groups x classes x numbers x 2]."""
    queries = question.queries
    internals = oracle.internals(queries)
    found = []
    for group in question.groups:
        for y in range(max(len(queries.schema.classes), 1)):
            part = internals[group & (queries.y == y)]
            if len(part) >= FEWEST_IN_GROUP:
                found += [part.mean(axis=0), part.std(axis=0)]
    return np.concatenate(found)


@dataclass(frozen=True)
class PropertyActivations:
    """Norms and shares of what every layer passes on, and of the gradients, on records of the kind and on others (what
    the trees of an ensemble say, for these): numbers that do not depend on the order of neurons (Suri et al. 2023,
    section 4.2, which sorts neurons by their activations instead).
    """

    card: ClassVar[Card] = Card(
        name="property_activations",
        title="Meta-classifier on activations",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="suri2023",
        equations="section 4.2",
        summary="learns on own models how what layers pass on goes with the property",
        needs=Needs(Access.INTERNALS, frozenset({Knowledge.POPULATION, Knowledge.RECIPE})),
        seconds=45.0,
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: one look at each query record."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        cohort = question.shadows()
        own, theirs = compared(question, cohort, group_internals)
        return answered(question, cohort, learn(own, theirs, cohort))
