"""What can be said about a missing attribute without the model: the baseline of attribute inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.views.reconstruction import Question

FOLDS = 3
TOGETHER = "the mean of three models"
MOST = 10_000
"""Records that it learns from."""


def impute(question: Question, learned_from: Records, seed: int) -> tuple[Array, str]:
    """Which completion is most likely for each record [records], and by what: the mean of three models, one of them
    where it is better by more than a standard error in cross-validation, or the commonest value where none beats it.
    """
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    known = np.flatnonzero(question.known_in(learned_from))[:MOST]
    learned_from = learned_from.take(known) if len(known) else learned_from
    wanted = question.nearest(learned_from)[:MOST]
    counts = np.bincount(wanted)
    commonest = int(counts.argmax())
    kept = np.isin(wanted, np.flatnonzero(counts >= FOLDS))
    if len(np.unique(wanted[kept])) < 2:
        return np.full(len(question.known), commonest), "the commonest value"
    public, y = learned_from.take(np.flatnonzero(kept)), wanted[kept]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**31).split(np.zeros(len(y)), y)
    right: dict[str, list[float]] = {}
    with threadpool_limits(1, user_api="openmp"):
        for rest, part in folds:
            predicted = _told(question, public.take(rest), y[rest], public.take(part), seed)
            for name, chances in predicted.items():
                right.setdefault(name, []).append(float(np.mean(chances.argmax(axis=1) == y[part])))
        best = max(right, key=lambda name: float(np.mean(right[name])))
        error = np.sqrt(np.mean(right[TOGETHER]) * (1 - np.mean(right[TOGETHER])) / len(y))
        best = best if np.mean(right[best]) > np.mean(right[TOGETHER]) + error else TOGETHER
        if np.mean(right[best]) <= float(np.mean(y == commonest)):
            return np.full(len(question.known), commonest), "the commonest value"
        guesses = _told(question, public, y, question.known, seed)[best].argmax(axis=1)
    return np.asarray(guesses), best


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
    by_value = {}
    for name, (model, seen) in models.items():
        chances = np.zeros((len(asked), len(question.completions)))
        model.fit(seen(learned_from), y)
        chances[:, model.classes_] = model.predict_proba(seen(asked))
        by_value[name] = chances
    by_value[TOGETHER] = np.mean(list(by_value.values()), axis=0)
    return by_value
