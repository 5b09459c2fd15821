"""What attribute attacks have in common: the target's answers for every value, and the adversary's own imputer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import of_class
from divulge.core.threat import Access, Task
from divulge.core.views.reconstruction import AttributeGuess, AttributeView, Question

MOST_LEARNED = 10_000
TREES = 100
FOLDS = 4
KINDS = ("linear", "trees", "forest")
RARE = float(np.log(1e-6))
"""Log-probability of what was never seen."""


@dataclass(frozen=True)
class Answerer:
    """Answers every question of a view by one score for each completion: the highest wins."""

    score: Callable[[AttributeView, Question], Array]

    def __call__(self, view: AttributeView) -> AttributeGuess:
        """The guess."""
        return AttributeGuess(tuple(np.asarray(self.score(view, q)).argmax(axis=1) for q in view.questions))


def log_likelihood_of_class(view: AttributeView, question: Question, records: Records | None = None) -> Array:
    """Log-probability of each record's own class under every completion: [records, completions].

    From scores where they are shown; from labels by how often records with that label have this class (the confusion
    matrix of the population); for regression from the error's spread in the population.
    """
    of = question.known if records is None else records
    completed = [question.completed(v, of) for v in range(len(question.completions))]
    if view.target.task is Task.REGRESSION:
        public = view.population
        spread = max(float(np.std(view.target.values(public) - public.y)), 1e-9)
        errors = np.stack([view.target.values(r) - r.y for r in completed], axis=1)
        return np.asarray(-0.5 * (errors / spread) ** 2)
    if Access.SCORES in view.target.ports:
        return np.stack([of_class(view.target.log_scores(r), r.y) for r in completed], axis=1)
    table = log_confusion(view)
    return np.stack([table[view.target.labels(r), r.y] for r in completed], axis=1)


def log_confusion(view: AttributeView) -> Array:
    """Log of how often a record of the population has a class, given its label: [labels, classes], add-one smoothed."""
    public, classes = view.population, len(view.schema.classes)
    counts = np.ones((classes, classes))
    np.add.at(counts, (view.target.labels(public), public.y), 1)
    return np.asarray(np.log(counts / counts.sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class Imputer:
    """The adversary's own, as the referee has it: logistic regression, boosted trees, a forest, or the mean of the
    three, unless one of them is right more often on records held out by more than a standard error.

    public: records with all their values, [n].  extra: further features of records, what a model says of them.
    """

    question: Question
    public: Records
    extra: Callable[[Records], Array] | None = None

    def log_probabilities(self, asked: Records) -> Array:
        """Of each completion for other records: [records, completions]."""
        return self._by([(np.arange(len(self.public)), asked)], self._kind())[0]

    def out_of_fold(self) -> Array:
        """The same for the public records themselves, each by a model that did not see it: [n, completions]."""
        from sklearn.model_selection import KFold

        folds = list(KFold(FOLDS, shuffle=True, random_state=0).split(np.arange(len(self.public))))
        predictions = self._by([(rest, self.public.take(part)) for rest, part in folds], self._kind())
        whole = np.empty((len(self.public), len(self.question.completions)))
        for (_, part), predicted in zip(folds, predictions, strict=True):
            whole[part] = predicted
        return whole

    def _kind(self) -> tuple[str, ...]:
        """Which models: one of them, or all."""
        rows = np.arange(len(self.public))
        held = rows % 3 == 0
        truth = self.question.nearest(self.public)[held]
        test = [(np.flatnonzero(~held), self.public.take(np.flatnonzero(held)))]

        def right(kinds: tuple[str, ...]) -> float:
            return float(np.mean(self._by(test, kinds)[0].argmax(axis=1) == truth))

        together = right(KINDS)
        error = float(np.sqrt(together * (1 - together) / held.sum()))
        alone = max(((right((kind,)), (kind,)) for kind in KINDS), key=lambda pair: pair[0])
        return alone[1] if alone[0] > together + error else KINDS

    def _by(self, jobs: list[tuple[Array, Records]], kinds: tuple[str, ...]) -> list[Array]:
        y, completions = self.question.nearest(self.public), len(self.question.completions)
        sums = [np.zeros((len(asked), completions)) for _, asked in jobs]
        for kind in kinds:
            x = self._features(kind, self.public)
            for place, (rows, asked) in enumerate(jobs):
                sums[place] += _fitted(kind, x[rows], y[rows], self._features(kind, asked), completions)
        return [np.maximum(np.log(np.maximum(part / len(kinds), 1e-12)), RARE) for part in sums]

    def _features(self, kind: str, records: Records) -> Array:
        own = self.question.features(records) if kind == "linear" else self.question.codes(records)
        return own if self.extra is None else np.column_stack([own, self.extra(records)])


def _fitted(kind: str, x: Array, y: Array, asked: Array, completions: int) -> Array:
    """Chances [records, completions] by one model."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    values = np.zeros((len(asked), completions))
    if len(np.unique(y)) < 2:
        values[:, y[0]] = 1.0
        return values
    model: Any = {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=200)),
        "trees": HistGradientBoostingClassifier(
            max_iter=TREES, learning_rate=0.07, max_leaf_nodes=8, early_stopping=False, random_state=0
        ),
        "forest": RandomForestClassifier(100, min_samples_leaf=2, random_state=0),
    }[kind]
    with threadpool_limits(1, user_api="openmp"):
        model.fit(x, y)
        values[:, model.classes_] = model.predict_proba(asked)
    return values
