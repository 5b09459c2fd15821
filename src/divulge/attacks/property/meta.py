"""What property attacks have in common: features of models, and what is learned from the adversary's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.signals import logit_scaled, of_class
from divulge.core.target import Oracle
from divulge.core.threat import Access, Task
from divulge.core.views.property import Cohort, PropertyAnswer, PropertyQuestion, each

Learner = Callable[[Array, Array, Array], Array]
"""(features [models, f], values [models], features of others [m, f]) -> values [m]."""

STRENGTHS = np.logspace(-2, 7, 19)
FEWEST_IN_GROUP = 5
CONFIDENCE = 0.95


def ridge(own: Array, values: Array, theirs: Array) -> Array:
    """Standardised features, and a ridge regression of which the strength is chosen by leaving one out."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kept = own.std(axis=0) > 1e-12
    if not kept.any():
        return np.full(len(theirs), float(values.mean()))
    fitted = make_pipeline(StandardScaler(), RidgeCV(STRENGTHS)).fit(own[:, kept], values)
    return np.asarray(fitted.predict(theirs[:, kept]))


def ridge_on_components(own: Array, values: Array, theirs: Array) -> Array:
    """The same on the 20 strongest principal components."""
    from sklearn.decomposition import PCA

    with np.errstate(invalid="ignore"):  # where all models answer alike there is no variance to explain
        parts = PCA(min(20, *own.shape), random_state=0).fit(own)
    return ridge(parts.transform(own), values, parts.transform(theirs))


def trees(own: Array, values: Array, theirs: Array) -> Array:
    """Extremely randomised trees, which also find what does not go straight up or down."""
    from sklearn.ensemble import ExtraTreesRegressor

    fitted = ExtraTreesRegressor(300, min_samples_leaf=3, max_features=0.5, random_state=0).fit(own, values)
    return np.asarray(fitted.predict(theirs))


@dataclass(frozen=True)
class Learned:
    """values: of the victims.  own: of the adversary's models, by learners that did not see them.  error: of these."""

    values: Array
    own: Array
    error: float
    name: str = ""


def learn(own: Array, theirs: Array, cohort: Cohort, learner: Learner = ridge, name: str = "") -> Learned:
    """Values of the property, learned on the cohort's features, for the victims' features."""
    left = np.zeros(len(cohort))
    for rest, part in cohort.folds():
        left[part] = learner(own[rest], cohort.values[rest], own[part])
    predicted = learner(own, cohort.values, theirs)
    return Learned(predicted, left, float(np.abs(left - cohort.values).mean()), name)


def answered(
    question: PropertyQuestion, cohort: Cohort, learned: Learned, told: tuple[str, ...] = ()
) -> PropertyAnswer:
    """Estimates with conformal intervals (Barber et al. 2021, cross-conformal by folds), and pairs told apart at the
    estimate that models half way between their values get, since estimates are drawn towards the middle.
    """
    apart = np.sort(np.abs(learned.own - cohort.values))
    place = min(len(apart) - 1, int(np.ceil(CONFIDENCE * (len(apart) + 1))) - 1)
    wide = float(apart[place])
    slope, start = np.polyfit(cohort.values, learned.own, 1) if cohort.values.std() > 0 else (1.0, 0.0)
    scores = tuple(
        (learned.values - (start + slope * (low + high) / 2)) * (1 if slope >= 0 else -1)
        for low, high in question.pairs
    )
    predicted = np.clip(learned.values, question.low, question.high)
    return PropertyAnswer(scores, predicted, learned.values - wide, learned.values + wide, CONFIDENCE, told)


def at_values(cohort: Cohort, low: float, high: float) -> tuple[Array, Array]:
    """Rows of the cohort's models at two values, a quarter of the gap off at most."""
    near = abs(high - low) / 4
    return tuple(np.flatnonzero(np.abs(cohort.values - v) <= near) for v in (low, high))  # type: ignore[return-value]


# Features


def answers_of(oracle: Oracle, question: PropertyQuestion) -> Array:
    """All that a model says of the queries: log-odds of each class but the first, [queries x (classes - 1)]."""
    queries = question.queries
    if oracle.task is Task.REGRESSION:
        return np.asarray(oracle.values(queries))
    log_scores = oracle.log_scores(queries)
    return np.asarray((log_scores[:, 1:] - log_scores[:, :1]).reshape(-1))


def standardized(oracle: Oracle, question: PropertyQuestion) -> Array:
    """The same, less the model's own mean and over its own spread: what it says beside how sure it is altogether."""
    values = answers_of(oracle, question)
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-12))


def all_means(oracle: Oracle, question: PropertyQuestion) -> Array:
    """`group_means` of the scores, and means of the standardised scores by kind of record and class."""
    plain, queries = group_means(oracle, question), question.queries
    if oracle.task is Task.REGRESSION:
        return plain
    values = standardized(oracle, question).reshape(len(queries), -1)
    parts = [g & (queries.y == y) for g in question.groups for y in range(len(queries.schema.classes))]
    means = [values[part].mean(axis=0) for part in parts if part.sum() >= FEWEST_IN_GROUP]
    return np.concatenate([plain, *means])


def group_means(oracle: Oracle, question: PropertyQuestion) -> Array:
    """By kind of record and class: mean score, mean and spread of the logit, mean loss: [groups x classes x 4]."""
    queries = question.queries
    if oracle.task is Task.REGRESSION:
        predicted = oracle.values(queries)
        off = predicted - queries.y
        rows = [part for part in question.groups if part.sum() >= FEWEST_IN_GROUP]
        return np.array(
            [[predicted[r].mean(), off[r].mean(), off[r].std(), np.abs(off[r]).mean()] for r in rows]
        ).reshape(-1)
    scores = oracle.log_scores(queries)
    ahead, own = logit_scaled(scores, queries.y), of_class(scores, queries.y)
    means = []
    for group in question.groups:
        for y in range(scores.shape[1]):
            part = group & (queries.y == y)
            if part.sum() >= FEWEST_IN_GROUP:
                means += [np.exp(own[part]).mean(), ahead[part].mean(), ahead[part].std(), -own[part].mean()]
    return np.array(means)


def label_means(oracle: Oracle, question: PropertyQuestion) -> Array:
    """By kind of record and class: how often each label is given: [groups x classes x classes]."""
    queries = question.queries
    labels = oracle.labels(queries)
    if oracle.task is Task.REGRESSION:
        return group_means(oracle, question)
    classes = len(queries.schema.classes)
    found = []
    for group in question.groups:
        for y in range(classes):
            part = group & (queries.y == y)
            if part.sum() >= FEWEST_IN_GROUP:
                found += [float(np.mean(labels[part] == other)) for other in range(classes)]
    return np.array(found)


def labels_of(oracle: Oracle, question: PropertyQuestion) -> Array:
    """The label of every query, one column for each class but the first."""
    labels = oracle.labels(question.queries)
    if oracle.task is Task.REGRESSION:
        return np.asarray(labels)
    return np.eye(len(question.queries.schema.classes))[labels.astype(np.int64)][:, 1:].reshape(-1)


def compared(
    question: PropertyQuestion, cohort: Cohort, of: Callable[[Oracle, PropertyQuestion], Array]
) -> tuple[Array, Array]:
    """One kind of features of the cohort's models and of the victims."""

    def one(oracle: Oracle) -> Array:
        return of(oracle, question)

    return each(cohort.oracles, one), each(question.victims, one)


def shows_scores(question: PropertyQuestion) -> bool:
    """Whether scores are granted."""
    return all(Access.SCORES in victim.ports for victim in question.victims)
