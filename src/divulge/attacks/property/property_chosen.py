"""Several ways to learn from own models what a property does; own models decide how much each counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.fitted import as_rows, parameters_of
from divulge.attacks.property.meta import (
    Learned,
    Learner,
    all_means,
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
    standardized,
    trees,
)
from divulge.core.attack import Card
from divulge.core.errors import AccessDenied, Impossible
from divulge.core.hashing import Array
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.property import Cohort, PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView

Features = Callable[[Oracle, PropertyQuestion], Array]

FROM_SCORES: dict[str, tuple[Features, Learner]] = {
    "means by kind and class": (group_means, ridge),
    "means by kind and class, plain and standardised, by trees": (all_means, trees),
    "scores of all queries": (answers_of, ridge),
    "scores of all queries, standardised by model": (standardized, ridge),
    "components of all scores": (answers_of, ridge_on_components),
}
FROM_LABELS: dict[str, tuple[Features, Learner]] = {
    "labels by kind and class": (label_means, ridge),
    "labels of all queries": (labels_of, ridge),
}
FOLDS = 5
NAMED = 0.05
"""Share of the weights from which a part is named."""


def weighed(found: list[Learned], values: Array) -> Learned:
    """A sum of all, with the weights, none of them negative, that tell own models best which a part did not learn from
    (stacked regressions, Breiman 1996, section 3).  What it says of own models comes from weights made on others.
    """
    from scipy.optimize import nnls

    middle = float(values.mean())
    own, theirs = (np.stack(part, axis=1) - middle for part in zip(*((f.own, f.values) for f in found), strict=True))
    off, rows, left = values - middle, np.arange(len(values)), np.zeros(len(values))
    for part in range(FOLDS):
        out = rows % FOLDS == part
        left[out] = own[out] @ nnls(own[~out], off[~out])[0]
    weights = nnls(own, off)[0]
    share = weights / max(float(weights.sum()), 1e-12)
    names = [found[k].name for k in np.argsort(-share, kind="stable") if share[k] >= NAMED]
    error = float(np.abs(left - off).mean())
    return Learned(middle + theirs @ weights, middle + left, error, " + ".join(names) or "none of them tells anything")


@dataclass(frozen=True)
class PropertyChosen:
    """Means by kind of record and class, the answers to all queries, both as they are and standardised model by model,
    and principal components, by ridge regression and by trees; the adversary's own models decide how much each counts,
    each half of them judged by what was learned on the other half, with which it shares no training record.  Where
    scores are not shown, the same from labels; where parameters are, trees over these too.  The audited model and the
    victims have no part in it.
    """

    card: ClassVar[Card] = Card(
        name="property_chosen",
        title="Several together, weighed on own models",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="suri2023",
        equations="section 4, with the choice left to own models (stacking, Breiman 1996)",
        summary="tries several meta-classifiers on own models and weighs them",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION, Knowledge.RECIPE}), tasks=frozenset(Task)),
        uses=Access.PARAMETERS,
        seconds=6.0,
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: one query for each query record."""
        return view.answered(self._about)

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
        best = weighed(found, cohort.values)
        return answered(question, cohort, best, (f"weighed on own models: {best.name}",))


def _inside(question: PropertyQuestion, cohort: Cohort) -> tuple[Array, Array] | None:
    """Parameters of the cohort's models and of the victims, where they can be seen."""
    try:
        parameters = [parameters_of(s.parameters()) for s in (*cohort.oracles, *question.victims)]
        rows = as_rows(parameters)
    except (AccessDenied, Impossible):
        return None
    return rows[: len(cohort)], rows[len(cohort) :]
