"""What can be said about a missing attribute without the model: the baseline of attribute inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.views.reconstruction import Question

FOLDS = 3
COMMONEST, BY_CLASS = "the commonest value", "the commonest value of its class"
TOGETHER = "the mean of three models"
MOST = 10_000
"""Records that it learns from."""


def impute(
    question: Question, learned_from: Records, seed: int, right: Callable[[Array], float] | None = None
) -> tuple[Array, str]:
    """Which completion is most likely for each record [records], and by what: whatever is right most often in
    cross-validation, the commonest value of the record's class, one of three models or their mean; the commonest value
    where none beats it.

    right: the share of guesses [records] that are right.  With it the referee takes what is right most often on the
    very records that are asked about, of these, the mean of the models and the two commonest values, so that no attack
    is called better than guessing by another choice of the guesser.
    """
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    known = np.flatnonzero(question.known_in(learned_from))[:MOST]
    learned_from = learned_from.take(known) if len(known) else learned_from
    nearest = question.nearest(learned_from)[:MOST]
    counts = np.bincount(nearest)
    commonest = int(counts.argmax())
    kept = np.isin(nearest, np.flatnonzero(counts >= FOLDS))
    if len(np.unique(nearest[kept])) < 2:
        return np.full(len(question.known), commonest), COMMONEST
    public, y = learned_from.take(np.flatnonzero(kept)), nearest[kept]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**31).split(np.zeros(len(y)), y)
    scores: dict[str, list[float]] = {}
    with threadpool_limits(1, user_api="openmp"):
        for rest, part in folds:
            predicted = _told(question, public.take(rest), y[rest], public.take(part), seed)
            for name, chances in predicted.items():
                scores.setdefault(name, []).append(float(np.mean(chances.argmax(axis=1) == y[part])))
        best = max(scores, key=lambda name: float(np.mean(scores[name])))
        usual = np.full(len(question.known), commonest)
        beaten = np.mean(scores[best]) <= float(np.mean(y == commonest))
        if beaten and right is None:
            return usual, COMMONEST
        by_each = _told(question, public, y, question.known, seed)
    tried = {COMMONEST: usual} | {name: by_each[name].argmax(axis=1) for name in {BY_CLASS, TOGETHER, best}}
    if right is not None:
        best = max(sorted(tried), key=lambda name: right(tried[name]))
    return np.asarray(tried[best]), best


def _told(question: Question, learned_from: Records, y: Array, asked: Records, seed: int) -> dict[str, Array]:
    """Chances of every completion for other records, by each model and by all together: [records, completions]."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    state = seed % 2**31
    models: dict[str, tuple[Any, Callable[[Records], Array]]] = {
        "logistic regression": (
            make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=300)),
            question.features,
        ),
        "boosted trees": (
            HistGradientBoostingClassifier(
                max_iter=100, learning_rate=0.07, max_leaf_nodes=8, early_stopping=False, random_state=state
            ),
            question.codes,
        ),
        "random forest": (RandomForestClassifier(100, min_samples_leaf=2, random_state=state), question.codes),
    }
    by_value = {BY_CLASS: _by_class(learned_from, y, asked, len(question.completions))}
    for name, (model, seen) in models.items():
        chances = np.zeros((len(asked), len(question.completions)))
        model.fit(seen(learned_from), y)
        chances[:, model.classes_] = model.predict_proba(seen(asked))
        by_value[name] = chances
    by_value[TOGETHER] = np.mean([by_value[name] for name in models], axis=0)
    return by_value


def _by_class(learned_from: Records, y: Array, asked: Records, completions: int) -> Array:
    """Shares of every completion in the class, or in the tenth of the values, that each record belongs to:
    [records, completions].
    """
    if learned_from.schema.classes:
        own, others = learned_from.y.astype(np.int64), asked.y.astype(np.int64)
    else:
        edges = np.quantile(learned_from.y, np.linspace(0.1, 0.9, 9))
        own, others = np.searchsorted(edges, learned_from.y), np.searchsorted(edges, asked.y)
    usual = np.bincount(y, minlength=completions) / len(y)
    counts = np.tile(usual, (int(max(own.max(), others.max())) + 1, 1))  # as if one more record of a class were usual
    np.add.at(counts, (own, y), 1)
    return np.asarray((counts / counts.sum(axis=1, keepdims=True))[others])
