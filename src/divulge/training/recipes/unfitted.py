"""An estimator as it was before it was fitted."""

from __future__ import annotations

import copy
from typing import Any

from divulge.core.inside import settings_of

STOPPING = ("early_stopping_rounds",)
"""Settings of boosters that need records of their own at each fit."""


def unfitted(estimator: Any) -> Any:
    """A clone, also of an estimator that scikit-learn refuses to clone since its constructor changes what it is given,
    as CatBoost's does, and a copy, to be fitted anew, of one that cannot say what its settings are.  What was frozen
    thaws, here and inside: fitting it would leave it the very model that is audited.  A pipeline forgets the folder
    that it remembers its steps in: what lies there are pickles, which fitting would load, and nobody has looked at.
    """
    from sklearn.base import clone
    from sklearn.frozen import FrozenEstimator

    if isinstance(estimator, FrozenEstimator):
        return unfitted(estimator.estimator)
    try:
        fresh = clone(estimator)
        for name, value in fresh.get_params().items():
            if isinstance(value, FrozenEstimator):
                fresh.set_params(**{name: unfitted(value)})
            elif name.rpartition("__")[2] == "memory" and value is not None:
                fresh.set_params(**{name: None})
        return without_early_stopping(fresh, estimator)
    except Exception:  # RuntimeError of scikit-learn, and whatever a constructor raises
        settings = settings_of(estimator, deep=False)
        if settings is None:
            return copy.deepcopy(estimator)
        return type(estimator)(**{name: _rebuilt(value) for name, value in settings.items()})


def without_early_stopping(fresh: Any, fitted: Any) -> Any:
    """A booster that stopped early on records set apart, with as many rounds as it kept: whoever trains it anew has no
    such records to hand in.
    """
    settings = fresh.get_params(deep=False)
    name = next((n for n in STOPPING if settings.get(n) is not None), None)
    best = getattr(fitted, "best_iteration", None) if name is not None else None
    if name is None or not isinstance(best, int) or "n_estimators" not in settings:
        return fresh
    return fresh.set_params(**{name: None, "n_estimators": best + 1})


def _rebuilt(value: Any) -> Any:
    if isinstance(value, type):
        return value
    if hasattr(value, "get_params") and hasattr(value, "fit"):
        return unfitted(value)
    if type(value) in (list, tuple):
        return type(value)(_rebuilt(part) for part in value)
    return copy.deepcopy(value)
