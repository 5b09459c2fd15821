"""What the inside of scikit-learn estimators is, in the words in which attacks claim it."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from divulge.core.hashing import Array
from divulge.core.inside import taken_apart
from divulge.core.views.extraction import LINEAR, TREE, Parameters, Secrets

LINEAR_MODULES = ("sklearn.linear_model.", "sklearn.discriminant_analysis")
LINEAR_CLASSES = ("LinearSVC", "LinearSVR")
"""Estimators whose `coef_` and `intercept_` are planes of the inputs, one for each output (of generalized linear models
before the link), by where they are at home and by name."""

DECAYED = ("SGDClassifier", "SGDRegressor", "MLPClassifier", "MLPRegressor")
CHOSEN_ALPHA = (RidgeCV, RidgeClassifierCV, LassoCV, ElasticNetCV)
"""Estimators that choose their regularisation strength themselves, and call it alpha_."""


def of_estimator(estimator: Any) -> Secrets:
    """Parameters of linear models and decision trees in terms of the raw inputs, and the regularisation strength, given
    or chosen by the estimator itself.  Behind a pipeline and inside a search too.
    """
    steps, last = taken_apart(estimator)
    settings = _settings(last)
    return Secrets(_parameters(steps, last), settings, _defaults(last, settings))


def _defaults(last: Any, settings: Mapping[str, float | str]) -> dict[str, float]:
    """What these settings are where nobody sets them; those that an estimator searches for have no such value."""
    known = signature(type(last)).parameters
    found = {name: known[name].default for name in settings if name in known}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def _settings(last: Any) -> dict[str, float | str]:
    settings: dict[str, float | str] = {}
    if isinstance(last, CHOSEN_ALPHA):
        settings["alpha"] = float(last.alpha_)
    elif isinstance(last, (Ridge, RidgeClassifier, Lasso, ElasticNet, KernelRidge)) or type(last).__name__ in DECAYED:
        settings["alpha"] = float(last.alpha)
    if isinstance(last, ElasticNet | ElasticNetCV) and not isinstance(last, Lasso | LassoCV):
        settings["l1_ratio"] = float(last.l1_ratio_ if isinstance(last, ElasticNetCV) else last.l1_ratio)
    if isinstance(last, LogisticRegressionCV):
        strengths = np.unique(np.asarray(last.C_, dtype=np.float64))
        settings |= {"C": float(strengths[0])} if len(strengths) == 1 else {}
    elif isinstance(last, (LogisticRegression, LinearSVC, SVC, SVR)):
        settings["C"] = float(last.C)
    if isinstance(last, SVR):
        settings["epsilon"] = float(last.epsilon)
    if isinstance(last, LogisticRegression) and last.solver == "saga" and getattr(last, "l1_ratio", None) is not None:
        settings["l1_ratio"] = float(last.l1_ratio)
    if type(last).__name__.startswith("SGD") and last.penalty == "elasticnet":
        settings["l1_ratio"] = float(last.l1_ratio)
    return settings


def _parameters(steps: list[Any], last: Any) -> Parameters | None:
    if isinstance(last, DecisionTreeClassifier) and not steps:
        return Parameters(TREE, (leaf_boxes(last),))
    planes, scaled = _planes(last), _scaling(steps)
    if planes is None or scaled is None:
        return None
    weights, bias = planes
    factor, offset = scaled
    bias = bias + weights @ (offset * np.ones(weights.shape[1]))
    weights = weights * factor
    classes = getattr(last, "classes_", None)
    if classes is not None and len(weights) == 1 and len(classes) == 2:
        weights, bias = np.concatenate([0 * weights, weights]), np.concatenate([[0.0], bias])
    if classes is not None and len(weights) != len(classes):
        return None
    return Parameters(LINEAR, (weights, bias))


def _planes(last: Any) -> tuple[Array, Array] | None:
    """Weights [outputs, inputs] and biases [outputs] of what is linear; None for all else."""
    if isinstance(last, OneVsRestClassifier) and len(last.estimators_) > 2:
        parts = [_planes(part) for part in last.estimators_]
        known = [part for part in parts if part is not None and len(part[0]) == 1]
        if len(known) < len(parts):
            return None
        return np.concatenate([w for w, _ in known]), np.concatenate([b for _, b in known])
    # Of more than two classes an SVC keeps one plane for each pair of them, and none for a class.
    kernel = isinstance(last, SVC | SVR) and last.kernel == "linear" and len(getattr(last, "classes_", "ab")) == 2
    named = type(last).__name__ in LINEAR_CLASSES or type(last).__module__.startswith(LINEAR_MODULES)
    if not (kernel or named) or not hasattr(last, "coef_") or not hasattr(last, "intercept_"):
        return None
    raw = last.coef_.toarray() if hasattr(last.coef_, "toarray") else last.coef_
    weights, bias = np.atleast_2d(np.asarray(raw, dtype=np.float64)), np.atleast_1d(last.intercept_)
    return weights, np.broadcast_to(np.asarray(bias, dtype=np.float64).ravel(), (len(weights),))


def _scaling(steps: list[Any]) -> tuple[Any, Any] | None:
    """Factor and offset of x -> x factor + offset before the last step; None for other preprocessing."""
    factor: Any = 1.0
    offset: Any = 0.0
    for step in steps:
        if isinstance(step, StandardScaler):
            scale = step.scale_ if step.scale_ is not None else 1.0
            mean = step.mean_ if step.mean_ is not None and step.with_mean else 0.0
            factor, offset = factor / scale, (offset - mean) / scale
        elif isinstance(step, MinMaxScaler):
            factor, offset = factor * step.scale_, offset * step.scale_ + step.min_
        else:
            return None
    return factor, offset


def leaf_boxes(tree: DecisionTreeClassifier) -> Array:
    """The inputs of every leaf, low < x <= high: [leaves, 2, inputs]."""
    inner, found = tree.tree_, []
    low, high = np.full(tree.n_features_in_, -np.inf), np.full(tree.n_features_in_, np.inf)
    todo = [(0, low, high)]
    while todo:
        node, low, high = todo.pop()
        if inner.children_left[node] < 0:
            found.append(np.stack([low, high]))
            continue
        column, at = inner.feature[node], inner.threshold[node]
        left_high, right_low = high.copy(), low.copy()
        left_high[column], right_low[column] = min(high[column], at), max(low[column], at)
        todo += [(inner.children_left[node], low, left_high), (inner.children_right[node], right_low, high)]
    return np.stack(found)
