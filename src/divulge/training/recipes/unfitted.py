"""An estimator as it was before it was fitted."""

from __future__ import annotations

import copy
from typing import Any

from divulge.core.inside import settings_of

STOPPING = {
    "xgboost": ("early_stopping_rounds",),
    "lightgbm": ("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change"),
    "catboost": ("early_stopping_rounds", "od_type", "od_wait", "od_pval", "use_best_model"),
}
"""Settings of boosters, by library, that need records of their own at each fit."""

ROUNDS = {
    "xgboost": ("n_estimators",),
    "lightgbm": ("num_iterations", "num_boost_round", "num_trees", "num_rounds", "n_estimators"),
    "catboost": ("iterations", "num_boost_round", "num_trees", "n_estimators"),
}
"""How each library calls the number of trees; the last one where none is set."""


def unfitted(estimator: Any) -> Any:
    """A clone, also of an estimator that scikit-learn refuses to clone since its constructor changes what it is given,
    as CatBoost's does, and a copy, to be fitted anew, of one that cannot say what its settings are.  What was frozen
    thaws, here and inside: fitting it would leave it the very model that is audited.  A pipeline forgets the folder
    that it remembers its steps in: what lies there are pickles, which fitting would load, and nobody has looked at.
    A booster that stopped early on records set apart gets as many rounds as it kept: whoever trains it anew has no
    such records to hand in.
    """
    from sklearn.base import clone
    from sklearn.frozen import FrozenEstimator

    if isinstance(estimator, FrozenEstimator):
        return unfitted(estimator.estimator)
    settings = settings_of(estimator, deep=False)
    kept = _rounds_kept(estimator, settings or {})
    if not kept:
        try:
            return _thawed(clone(estimator), settings_of(estimator) or {})
        except Exception:  # RuntimeError of scikit-learn, and whatever a constructor raises
            if settings is None:
                return copy.deepcopy(estimator)
    rebuilt = {name: _rebuilt(value) for name, value in (settings or {}).items()} | kept
    rebuilt = {name: value for name, value in rebuilt.items() if value is not None or name not in kept}
    try:
        return type(estimator)(**rebuilt)
    except TypeError:  # of CatBoost's base class, which takes them as one dictionary
        return type(estimator)(rebuilt)


def _thawed(fresh: Any, fitted: dict[str, Any]) -> Any:
    """A clone with its parts as `unfitted` makes them where they are frozen, or boosters that stopped early."""
    from sklearn.frozen import FrozenEstimator

    for name, value in fresh.get_params().items():
        part = fitted.get(name)
        if isinstance(value, FrozenEstimator) or _rounds_kept(part, settings_of(part) or {}):
            fresh.set_params(**{name: unfitted(part)})
        elif name.rpartition("__")[2] == "memory" and value is not None:
            fresh.set_params(**{name: None})
    return fresh


def _rounds_kept(fitted: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that replace early stopping in a booster that stopped; none for any other estimator."""
    library = type(fitted).__module__.partition(".")[0]
    if isinstance(fitted, type) or library not in STOPPING:
        return {}
    rounds = _trees_kept(fitted, library)
    stops = [name for name in STOPPING[library] if settings.get(name) is not None]
    calls = settings.get("callbacks") if library == "xgboost" else None
    set_as = next((name for name in ROUNDS[library] if settings.get(name) is not None), ROUNDS[library][-1])
    if rounds is None or not (stops or calls or rounds < int(settings.get(set_as) or rounds + 1)):
        return {}
    kept: dict[str, Any] = dict.fromkeys(stops) | {set_as: rounds}
    if calls:
        kept["callbacks"] = [call for call in calls if type(call).__name__ != "EarlyStopping"] or None
    return kept


def _trees_kept(fitted: Any, library: str) -> int | None:
    """As many as the best iteration has; None of a booster that is not fitted, or did not stop early."""
    try:
        if library == "catboost":
            return int(fitted.tree_count_) or None
        best = fitted.best_iteration + 1 if library == "xgboost" else fitted.best_iteration_
    except Exception:  # each library has errors of its own for a model that has no such thing
        return None
    return best if isinstance(best, int) and best > 0 else None


def _rebuilt(value: Any) -> Any:
    if isinstance(value, type):
        return value
    if hasattr(value, "get_params") and hasattr(value, "fit"):
        return unfitted(value)
    if type(value) in (list, tuple):
        return type(value)(_rebuilt(part) for part in value)
    return copy.deepcopy(value)
