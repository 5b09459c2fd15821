"""What can be said about a missing attribute without the model: the baseline of attribute inference."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from divulge.core.hashing import Array
from divulge.core.reconstruction import Question
from divulge.core.records import Records

FOLDS = 3
MOST = 10_000
"""Records that it learns from."""


def impute(question: Question, learned_from: Records, seed: int) -> tuple[Array, str]:
    """Which completion is most likely for each record [records], by the better of two models in cross-validation, or
    the commonest value where neither beats it; and which that was.
    """
    wanted = question.nearest(learned_from)[:MOST]
    commonest = int(np.bincount(wanted).argmax())
    counts = np.bincount(wanted)
    kept = np.isin(wanted, np.flatnonzero(counts >= FOLDS))
    if len(np.unique(wanted[kept])) < 2:
        return np.full(len(question.known), commonest), "the commonest value"
    learned_from, y = learned_from.take(np.flatnonzero(kept)), wanted[kept]
    seen = {"logistic regression": question.features, "boosted trees": question.codes}
    models: dict[str, Any] = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
        "boosted trees": HistGradientBoostingClassifier(max_iter=40, early_stopping=False, random_state=seed % 2**31),
    }
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**31)
    with threadpool_limits(1, user_api="openmp"):
        quality = {
            name: float(cross_val_score(model, seen[name](learned_from), y, cv=folds).mean())
            for name, model in models.items()
        }
        best = max(quality, key=lambda name: quality[name])
        if quality[best] <= float(np.mean(y == commonest)):
            return np.full(len(question.known), commonest), "the commonest value"
        guesses = models[best].fit(seen[best](learned_from), y).predict(seen[best](question.known))
    return np.asarray(guesses), best
