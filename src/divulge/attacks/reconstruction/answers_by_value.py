"""What attribute attacks have in common: the target's answers for every value, and the adversary's own imputer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divulge.core.hashing import Array
from divulge.core.reconstruction import AttributeGuess, AttributeScene, Question
from divulge.core.records import Records
from divulge.core.signals import of_class
from divulge.core.threat import Access, Task

MOST_LEARNED = 10_000
LOG_TINY = -1e3


@dataclass(frozen=True)
class Answerer:
    """Answers every question of a scene by one score for each completion: the highest wins."""

    score: Callable[[AttributeScene, Question], Array]

    def __call__(self, scene: AttributeScene) -> AttributeGuess:
        """The guess."""
        return AttributeGuess(tuple(np.asarray(self.score(scene, q)).argmax(axis=1) for q in scene.questions))


def log_likelihood_of_class(scene: AttributeScene, question: Question, records: Records | None = None) -> Array:
    """Log-probability of each record's own class under every completion: [records, completions].

    From scores where they are shown; from labels by how often records with that label have this class (the confusion
    matrix of the population); for regression from the error's spread in the population.
    """
    of = question.known if records is None else records
    told = [question.completed(v, of) for v in range(len(question.completions))]
    if scene.target.task is Task.REGRESSION:
        public = scene.population
        spread = max(float(np.std(scene.target.values(public) - public.y)), 1e-9)
        errors = np.stack([scene.target.values(r) - r.y for r in told], axis=1)
        return np.asarray(-0.5 * (errors / spread) ** 2)
    if Access.SCORES in scene.target.ports:
        return np.stack([of_class(scene.target.log_scores(r), r.y) for r in told], axis=1)
    table = log_confusion(scene)
    return np.stack([table[scene.target.labels(r), r.y] for r in told], axis=1)


def log_confusion(scene: AttributeScene) -> Array:
    """Log of how often a record of the population has a class, given its label: [labels, classes], add-one smoothed."""
    public, classes = scene.population, len(scene.schema.classes)
    counts = np.ones((classes, classes))
    np.add.at(counts, (scene.target.labels(public), public.y), 1)
    return np.asarray(np.log(counts / counts.sum(axis=1, keepdims=True)))


def log_imputed(question: Question, population: Records, extra: tuple[Array, Array] | None = None) -> Array:
    """Log-probability of each completion given the rest of the record [records, completions], by logistic regression on
    the population.

    extra: further features of the population and of the records in question.
    """
    x, asked = question.features(population), question.features(question.known)
    if extra is not None:
        x, asked = np.column_stack([x, extra[0]]), np.column_stack([asked, extra[1]])
    y = question.nearest(population)
    x, y = x[:MOST_LEARNED], y[:MOST_LEARNED]
    made = np.full((len(asked), len(question.completions)), np.log(1e-6))
    if len(np.unique(y)) < 2:
        made[:, y[0]] = 0.0
        return made
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(x, y)
    made[:, model[-1].classes_] = np.maximum(model.predict_log_proba(asked), np.log(1e-6))
    return made
