"""Several ways to learn from own models what a property does; they decide themselves which is best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from divulge.attacks.property.fitted import as_rows, parameters_of
from divulge.attacks.property.meta import (
    Learned,
    Learner,
    answered,
    answers_of,
    compared,
    group_means,
    label_means,
    labels_of,
    learn,
    ridge,
    ridge_on_components,
    shows_scores,
    trees,
)
from divulge.core.attack import Card
from divulge.core.errors import AccessDenied, Impossible
from divulge.core.hashing import Array
from divulge.core.inference import Cohort, PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyScene
from divulge.core.target import Surface
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task

Features = Callable[[Surface, PropertyQuestion], Array]

FROM_SCORES: dict[str, tuple[Features, Learner]] = {
    "means by kind and class": (group_means, ridge),
    "means by kind and class, by trees": (group_means, trees),
    "scores of all queries": (answers_of, ridge),
    "components of all scores": (answers_of, ridge_on_components),
}
FROM_LABELS: dict[str, tuple[Features, Learner]] = {
    "labels by kind and class": (label_means, ridge),
    "labels of all queries": (labels_of, ridge),
}


def chosen(found: list[Learned], values: Array) -> Learned:
    """That with the smallest error on models it did not learn from, or the mean of two or three where that is less."""
    together = []
    for count in (2, 3):
        for group in combinations(found, count):
            own = np.mean([part.own for part in group], axis=0)
            said = np.mean([part.values for part in group], axis=0)
            name = " + ".join(part.name for part in group)
            together.append(Learned(said, own, float(np.abs(own - values).mean()), name))
    return min([*found, *together], key=lambda learned: learned.error)


@dataclass(frozen=True)
class PropertyChosen:
    """Means by kind of record and class, with a ridge regression and with trees, the answers to all queries, and their
    principal components; the adversary's own models decide which is used, each half of them judged by what was learned
    on the other half, with which it shares no training record.  Where scores are not shown, the same from labels; where
    parameters are, trees over these too.  The audited model and the victims have no part in it.
    """

    card: ClassVar[Card] = Card(
        name="property_chosen",
        title="Best of several, chosen on own models",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="suri2023",
        equations="section 4, with the choice left to own models",
        summary="tries several meta-classifiers on own models and takes the best",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION, Knowledge.RECIPE}), tasks=frozenset(Task)),
        uses=Access.PARAMETERS,
    )

    def run(self, scene: PropertyScene) -> PropertyGuess:
        """Cost: one query for each query record."""
        return scene.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        cohort = question.shadows()
        ways = FROM_SCORES if shows_scores(question) else FROM_LABELS
        found = []
        for name, (features, learner) in ways.items():
            own, theirs = compared(question, cohort, features)
            if own.shape[1]:
                found.append(learn(own, theirs, cohort, learner, name))
        inside = _inside(question, cohort)
        if inside is not None:
            found.append(learn(*inside, cohort, trees, "parameters, by trees"))
        best = chosen(found, cohort.values)
        return answered(question, cohort, best, (f"chosen on own models: {best.name}",))


def _inside(question: PropertyQuestion, cohort: Cohort) -> tuple[Array, Array] | None:
    """Parameters of the cohort's models and of the victims, where they can be seen."""
    try:
        told = [parameters_of(s.parameters()) for s in (*cohort.surfaces, *question.victims)]
        rows = as_rows(told)
    except (AccessDenied, Impossible):
        return None
    return rows[: len(cohort)], rows[len(cohort) :]
