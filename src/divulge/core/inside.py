"""The estimator inside of an estimator: what a search, a wrapper that freezes or a pipeline ends in.  By the names that
scikit-learn gives its parts, so that nothing of it is imported.
"""

from __future__ import annotations

from typing import Any


def unwrapped(model: Any) -> Any:
    """What answers in the model's place: the best estimator of a search, the frozen one; else the model itself."""
    while True:
        inner = _part(model, "best_estimator_")
        if inner is None and type(model).__name__ == "FrozenEstimator":
            inner = _part(model, "estimator")
        if inner is None:
            return model
        model = inner


def taken_apart(model: Any) -> tuple[list[Any], Any]:
    """The steps that prepare a record, in order, and the estimator that answers, searches and pipelines undone."""
    steps: list[Any] = []
    model = unwrapped(model)
    while isinstance(_part(model, "steps"), list):
        steps += [step for _, step in model.steps[:-1] if step is not None and not isinstance(step, str)]
        model = unwrapped(model.steps[-1][1])
    return steps, model


def prepared(steps: list[Any], x: Any) -> Any:
    """Records as the steps hand them on."""
    for step in steps:
        x = step.transform(x)
    return x


def _part(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:  # properties of foreign code raise what they like
        return None


def settings_of(estimator: Any, deep: bool = True) -> dict[str, Any] | None:
    """What get_params says; None where it fails: a constructor with *args, or one that keeps a parameter under another
    name than its own.
    """
    try:
        return dict(estimator.get_params(deep=deep))
    except Exception:  # foreign code
        return None
