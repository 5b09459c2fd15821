"""What ensembles of trees compute on their way to the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier

from divulge.core.hashing import Array
from divulge.core.inside import prepared, taken_apart
from divulge.core.signals import log_of_scores, log_softmax, logit_scaled

SHARES = np.linspace(0, 1, 11)
STAGES = 10
FORESTS = (RandomForestClassifier, ExtraTreesClassifier)
BOOSTERS = ("XGBClassifier", "LGBMClassifier")


def has_internals(estimator: Any) -> bool:
    """Whether `internals` knows this kind of estimator: a tree, a forest or boosted trees, alone or in a pipeline."""
    _, last = taken_apart(estimator)
    known = (*FORESTS, DecisionTreeClassifier, GradientBoostingClassifier, HistGradientBoostingClassifier)
    return isinstance(last, known) or type(last).__name__ in BOOSTERS


def internals(estimator: Any, x: Any, y: Array) -> Array:
    """[records, features], features that mean the same in every ensemble of its kind.

    Forests and single trees: quantiles over trees of the share of y among the training records in the record's leaf,
    how many trees are sure, and quantiles of how many training records lie in the leaf (log).  Boosted trees: the
    logit of y after each tenth of the trees, and for scikit-learn's gradient boosting the leaf sizes.
    y: class codes [records] in the order of the estimator's classes.
    """
    steps, last = taken_apart(estimator)
    x = prepared(steps, x)
    if isinstance(last, (*FORESTS, DecisionTreeClassifier)):
        return _votes(last, np.asarray(x, dtype=np.float32), y)
    margins = np.column_stack([logit_scaled(stage, y) for stage in _stages(last, x)])
    if isinstance(last, GradientBoostingClassifier):
        trees = [tree.tree_ for row in last.estimators_ for tree in row]
        return np.column_stack([margins, _leaf_sizes(trees, np.asarray(x, dtype=np.float32))])
    return margins


def _votes(forest: Any, x: Array, y: Array) -> Array:
    trees = [forest] if isinstance(forest, DecisionTreeClassifier) else list(forest.estimators_)
    votes = np.stack([tree.predict_proba(x)[np.arange(len(y)), y] for tree in trees])
    sure = (votes >= 1 - 1e-9).mean(axis=0)
    return np.column_stack(
        [np.quantile(votes, SHARES, axis=0).T, votes.mean(axis=0), sure, _leaf_sizes([t.tree_ for t in trees], x)]
    )


def _leaf_sizes(trees: list[Any], x: Array) -> Array:
    """Quantiles over trees of the logarithm of the training records in each record's leaf: [records, 11]."""
    sizes = np.stack([tree.n_node_samples[tree.apply(x)] for tree in trees])
    return np.asarray(np.quantile(np.log(sizes), SHARES, axis=0).T)


def _stages(boosted: Any, x: Any) -> Iterator[Array]:
    """Log-probabilities [records, classes] after each tenth of the trees."""
    kind = type(boosted).__name__
    if kind in BOOSTERS:
        trees = boosted.get_booster().num_boosted_rounds() if kind == "XGBClassifier" else boosted.booster_.num_trees()
        trees = trees if kind == "XGBClassifier" else trees // boosted.booster_.num_model_per_iteration()
        for number in _tenths(trees):
            asked = {"iteration_range": (0, number)} if kind == "XGBClassifier" else {"num_iteration": number}
            yield log_of_scores(boosted.predict_proba(x, **asked))
        return
    stages = set(_tenths(boosted.n_iter_ if hasattr(boosted, "n_iter_") else len(boosted.estimators_)))
    for number, margin in enumerate(boosted.staged_decision_function(x), start=1):
        if number in stages:
            flat = margin.reshape(len(margin), -1)
            yield log_softmax(np.column_stack([np.zeros(len(flat)), flat]) if flat.shape[1] == 1 else flat)


def _tenths(trees: int) -> list[int]:
    """Ten numbers of trees; with fewer than ten trees some are equal, so there are fewer."""
    return sorted({max(1, round(trees * tenth / STAGES)) for tenth in range(1, STAGES + 1)})
