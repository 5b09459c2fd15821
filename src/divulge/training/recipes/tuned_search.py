"""What an estimator that tunes itself has chosen: the estimator that it ended up with, unfitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.training.recipes.unfitted import unfitted

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_SAME = ("fit_intercept", "max_iter", "tol", "positive", "selection", "random_state", "copy_X", "eps")

_CV: dict[str, tuple[str, dict[str, str]]] = {
    "RidgeCV": ("Ridge", {"alpha": "alpha_"}),
    "RidgeClassifierCV": ("RidgeClassifier", {"alpha": "alpha_"}),
    "LassoCV": ("Lasso", {"alpha": "alpha_"}),
    "ElasticNetCV": ("ElasticNet", {"alpha": "alpha_", "l1_ratio": "l1_ratio_"}),
    "MultiTaskLassoCV": ("MultiTaskLasso", {"alpha": "alpha_"}),
    "MultiTaskElasticNetCV": ("MultiTaskElasticNet", {"alpha": "alpha_", "l1_ratio": "l1_ratio_"}),
    "LassoLarsCV": ("LassoLars", {"alpha": "alpha_"}),
    "LassoLarsIC": ("LassoLars", {"alpha": "alpha_"}),
    "OrthogonalMatchingPursuitCV": ("OrthogonalMatchingPursuit", {"n_nonzero_coefs": "n_nonzero_coefs_"}),
    "LogisticRegressionCV": ("LogisticRegression", {"C": "C_", "l1_ratio": "l1_ratio_"}),
}
"""By class name: the linear model of the same kind that does not tune, and what it is told of what was chosen."""


def tunes(estimator: Any) -> bool:
    """Whether fitting it chooses settings: a search, an estimator of the CV kind, or a pipeline with such a step."""
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline):
        return any(tunes(step) for _, step in estimator.steps)
    searches = hasattr(estimator, "refit") and hasattr(estimator, "scoring")
    return searches or type(estimator).__name__ in {*_CV, "TunedThresholdClassifierCV"}


def chosen(estimator: Any) -> tuple[Any, dict[str, Any]]:
    """The estimator with what it chose when it was fitted, unfitted and tuning nothing, and what that is, by name.
    One that tunes nothing, or was not fitted, comes back as a clone.
    """
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline):
        return _of_pipeline(estimator)
    best = getattr(estimator, "best_estimator_", None)
    if best is not None:
        inner, tuned = chosen(best)
        return inner, dict(estimator.best_params_) | tuned
    if hasattr(estimator, "best_threshold_"):
        from sklearn.model_selection import FixedThresholdClassifier

        inner, tuned = chosen(estimator.estimator_)
        threshold = float(estimator.best_threshold_)
        return FixedThresholdClassifier(inner, threshold=threshold), {"threshold": threshold} | tuned
    kind = type(estimator).__name__
    if kind in _CV and all(hasattr(estimator, name) for name in list(_CV[kind][1].values())[:1]):
        return _of_cv(estimator, *_CV[kind])
    return unfitted(estimator), {}


def _of_pipeline(pipeline: Pipeline) -> tuple[Any, dict[str, Any]]:
    fresh = unfitted(pipeline)
    tuned: dict[str, Any] = {}
    for place, (name, step) in enumerate(pipeline.steps):
        if hasattr(step, "get_params"):
            inner, found = chosen(step)
            fresh.steps[place] = (name, inner)
            tuned |= {f"{name}__{key}": value for key, value in found.items()}
    return fresh, tuned


def _of_cv(estimator: Any, plain: str, told: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    """One value for all classes: the median where each has its own.  plain: name of a linear model."""
    from sklearn import linear_model

    kind = getattr(linear_model, plain)
    settings = {name: getattr(estimator, found, None) for name, found in told.items()}
    values = {n: float(np.median(np.asarray(v, dtype=float))) for n, v in settings.items() if _number(v)}
    values = {n: int(v) if n == "n_nonzero_coefs" else v for n, v in values.items()}
    own, known = estimator.get_params(deep=False), kind().get_params()
    same = {n: own[n] for n in (*_SAME, "class_weight", "solver") if n in own and n in known}
    if plain in ("Ridge", "RidgeClassifier"):
        same.pop("solver", None)
    return kind(**same, **values), values


def _number(value: Any) -> bool:
    if value is None:
        return False
    array = np.asarray(value)
    return array.size > 0 and array.dtype.kind in "fiu" and bool(np.isfinite(array.astype(float)).all())
