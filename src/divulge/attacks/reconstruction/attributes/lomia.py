"""Attributes from labels alone (Mehnaz et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.attributes.answers_by_value import Answerer
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, Question

FEWEST = 20


@dataclass(frozen=True)
class Lomia:
    """Where one value alone makes the model say the record's class, that value is taken; a model learned from those
    records answers for all others (Mehnaz et al. 2022, section 4.2).
    """

    card: ClassVar[Card] = Card(
        name="lomia",
        title="LOMIA",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.ATTRIBUTES,
        paper="mehnaz2022",
        equations="section 4.2",
        differs="where several values give the right label, these are preferred and the model's chance decides among "
        "them, where the paper leaves it to the learned model alone",
        summary="learns the attribute from the records whose label only one value explains",
        needs=Needs(Access.LABEL, frozenset({Knowledge.PARTIAL_RECORD})),
    )

    def run(self, view: AttributeView) -> AttributeGuess:
        """Cost: one query for each record and value."""
        return Answerer(_score)(view)


def _score(view: AttributeView, question: Question) -> Array:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    number = len(question.completions)
    labels = [view.target.labels(question.completed(v)) for v in range(number)]
    right = np.stack([label == question.known.y for label in labels], axis=1)
    certain, only = right.sum(axis=1) == 1, right.argmax(axis=1)
    scores = right.astype(np.float64)
    if certain.sum() >= FEWEST and len(np.unique(only[certain])) > 1:
        x = question.features(question.known)
        with threadpool_limits(1, user_api="openmp"):
            model = HistGradientBoostingClassifier(max_iter=50, early_stopping=False, random_state=0)
            model.fit(x[certain], only[certain])
            scores[:, model.classes_] += model.predict_proba(x)
    scores[certain] = 2.0 * np.eye(number)[only[certain]]
    return scores
