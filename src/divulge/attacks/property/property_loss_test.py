"""The loss test: a model is better on data like its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView, each


def group_quality(oracle: Oracle, question: PropertyQuestion) -> np.ndarray:
    """Accuracy on the records of the kind, and on the others; minus the mean error for regression: [2]."""
    labels, y = oracle.labels(question.queries), question.queries.y
    right = -np.abs(labels - y) if oracle.task is Task.REGRESSION else (labels == y).astype(float)
    return np.array([right[group].mean() for group in question.groups])


@dataclass(frozen=True)
class PropertyLossTest:
    """The model is asked about two sets of records, each with one of the two values; it was trained on the value with
    which it is more often right (Suri and Evans 2022, section 5.1).  No model is trained for it.

    The accuracy on a set of which a share a is of the kind is a A + (1 - a) B, so that to compare the two sets is to
    compare A and B, the accuracies on the kind and on the rest.
    """

    card: ClassVar[Card] = Card(
        name="property_loss_test",
        title="Loss test",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="suri2022",
        equations="section 5.1",
        summary="is the model better on records of the kind than on others?",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION}), tasks=frozenset(Task)),
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: one label for each query record.  Raises Impossible for a property that is not about a kind."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        if len(question.groups) < 2:
            raise Impossible(f"{question.text} is not about a kind of records that a model could be better on")
        quality = each(question.victims, lambda oracle: group_quality(oracle, question))
        return PropertyAnswer(tuple(quality[:, 0] - quality[:, 1] for _ in question.pairs))
