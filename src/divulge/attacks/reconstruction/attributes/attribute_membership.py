"""An attribute by membership: with the true value filled in, the record is a training record; with others it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.attributes.answers_by_value import Answerer, Imputer
from divulge.attacks.reconstruction.attributes.fredrikson import KNOWN
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.membership import Shadows
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, Question

MOST_PUBLIC = 4_000
MOST_PLAYED = 4
"""Shadow models that stand for the target while it is learned what gives a value away."""


@dataclass(frozen=True)
class AttributeMembership:
    """Yeom's reduction of attribute inference to membership (2018, section 4, adversary 5), with its oracle learned on
    shadow models: how sure a model is of the record completed with a value, how sure models are that never saw the
    record, and what an imputer says of the value, tell whether it is the one that was trained on.

    shadows: models trained on halves of the population; none of them saw the records in question.
    """

    shadows: int = 8

    card: ClassVar[Card] = Card(
        name="attribute_membership",
        title="Attribute by membership",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.ATTRIBUTES,
        paper="yeom2018",
        equations="section 4, adversary 5, with a learned oracle",
        summary="takes the value with which the record is most likely a training record",
        needs=Needs(Access.SCORES, KNOWN | {Knowledge.RECIPE}),
        models=2,
        strength=0.8,
        seconds=110.0,
    )

    def run(self, view: AttributeView) -> AttributeGuess:
        """Cost: one query for each record and value."""
        shadows = view.shadows(self.shadows)
        return Answerer(lambda s, q: _chances(s, q, shadows))(view)


def _chances(view: AttributeView, question: Question, shadows: Shadows) -> Array:
    """How likely each completion is the one that was trained on: [records, completions]."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    public = view.telling(question, MOST_PUBLIC)
    values = range(len(question.completions))
    imputer = Imputer(question, public)
    imputed, truth = imputer.out_of_fold(), question.nearest(public)
    seen = shadows.trained_on(public)
    signals = np.stack([shadows.signals(question.completed(v, public), logit_scaled) for v in values], axis=2)
    outside = np.where(seen[:, :, None], np.nan, signals)
    rows, labels = [], []
    for model in range(min(len(signals), MOST_PLAYED)):
        others = np.delete(outside, model, axis=0)
        known = seen[model] & np.isfinite(others).any(axis=(0, 2))
        middle = np.nanmean(others[:, known], axis=0)
        rows.append(_features(signals[model, known], middle, imputed[known]))
        labels.append((truth[known, None] == np.array(values)).ravel())
    x, y = np.concatenate(rows), np.concatenate(labels)
    middle = np.stack([shadows.signals(question.completed(v), logit_scaled).mean(axis=0) for v in values], axis=1)
    completed = [question.completed(v) for v in values]
    own = np.stack([logit_scaled(view.target.log_scores(r), r.y) for r in completed], axis=1)
    asked = _features(own, middle, imputer.log_probabilities(question.known))
    with threadpool_limits(1, user_api="openmp"):
        judge = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1, early_stopping=False, random_state=0)
        chance = judge.fit(x, y).predict_proba(asked)[:, 1]
    return np.asarray(chance.reshape(len(question.known), len(values)))


def _features(own: Array, middle: Array, imputed: Array) -> Array:
    """For every record and completion, flat: the model's confidence and by how much it is above that of models that
    never saw the record, both also against the best other value; the imputer's log-probability, likewise.
    """
    parts = []
    for part in (own, own - middle, imputed):
        best = np.sort(part, axis=1)
        other = np.where(part == best[:, -1:], best[:, -2:-1], best[:, -1:])
        parts += [part, part - other]
    return np.stack(parts, axis=2).reshape(-1, len(parts))
