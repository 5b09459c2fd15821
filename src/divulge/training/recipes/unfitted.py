"""An estimator as it was before it was fitted."""

from __future__ import annotations

import copy
from typing import Any


def unfitted(estimator: Any) -> Any:
    """A clone, also of an estimator that scikit-learn refuses to clone since its constructor changes what it is given,
    as CatBoost's does.  What was frozen thaws, here and inside: fitting it would leave it the very model that is
    audited.  A pipeline forgets the folder that it remembers its steps in: what lies there are pickles, which fitting
    would load, and nobody has looked at.
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
        return fresh
    except Exception:  # RuntimeError of scikit-learn, and whatever a constructor raises
        settings = estimator.get_params(deep=False)
        return type(estimator)(**{name: _rebuilt(value) for name, value in settings.items()})


def _rebuilt(value: Any) -> Any:
    if isinstance(value, type):
        return value
    if hasattr(value, "get_params") and hasattr(value, "fit"):
        return unfitted(value)
    if type(value) in (list, tuple):
        return type(value)(_rebuilt(part) for part in value)
    return copy.deepcopy(value)
