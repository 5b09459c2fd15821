"""What an estimator was trained for, by its own word: one that ranks, or that models survival, predicts no y."""

from __future__ import annotations

import json
from typing import Any

from divulge.core.errors import InputError
from divulge.core.inside import settings_of, taken_apart

RANKING = ("rank", "pair", "query", "lambda", "stochasticf", "ndcg")
"""In the names of objectives that put records into an order."""

SURVIVAL = ("survival", "cox", "aft")
"""In the names of those that model the time until something happens, by its risk or with records cut off."""

SETTINGS = ("objective", "loss_function", "loss", "application")
CLASSES = ("logloss", "multiclass", "crossentropy", "multilogloss")

AS_VALUES = (
    "audit its scores: divulge.FunctionTarget(model.predict, 'values') with the highest of them as y for every record, "
    "and the attack absolute_error tells whether members score higher"
)


def ranks(objective: str) -> bool:
    """Whether it is the name of an objective that ranks."""
    return any(name in objective.lower() for name in RANKING)


def survives(objective: str) -> bool:
    """Whether it is the name of an objective of survival."""
    return any(name in objective.lower() for name in SURVIVAL)


def classifies(objective: str) -> bool:
    """Whether it is the name of a loss of CatBoost for classes."""
    return any(name in objective.lower() for name in CLASSES)


def objective_of(estimator: Any) -> str:
    """The objective that its settings name, with its parameters; empty where they name none."""
    if type(estimator).__module__.partition(".")[0] == "catboost":
        return catboost_loss(estimator)
    settings = settings_of(estimator, deep=False) or {}
    found = next((settings[name] for name in SETTINGS if isinstance(settings.get(name), str)), "")
    return str(found)


def catboost_loss(model: Any) -> str:
    """The loss that a model of CatBoost was trained with."""
    try:
        found = model.get_all_params().get("loss_function", "RMSE")
    except Exception:  # one that was loaded in part
        found = (settings_of(model) or {}).get("loss_function", "RMSE")
    return found if isinstance(found, str) else json.dumps(found)


def refuse_scores_alone(estimator: Any) -> None:
    """Raise InputError, with the way that there is, for an estimator whose values are compared with each other only."""
    inner = taken_apart(estimator)[1]
    kind, objective = type(inner).__name__, objective_of(inner)
    library = type(inner).__module__.partition(".")[0]
    if library not in ("xgboost", "lightgbm", "catboost"):
        return
    told = f" (its objective is {objective!r})" if objective else ""
    if kind.endswith("Ranker") or ranks(objective):
        raise InputError(f"the {kind} ranks records{told} and predicts no y: {AS_VALUES}")
    if survives(objective):
        raise InputError(f"the {kind} tells how long records survive{told}, and its values are no y: {AS_VALUES}")


def as_its_loss(model: Any) -> Any:
    """A plain `catboost.CatBoost`, which answers with margins, as the classifier or the regressor that its loss makes
    of it; any other model as it is.  Raises InputError for a pipeline that ends in one.
    """
    if _plain(model):
        import catboost

        made = catboost.to_classifier if classifies(catboost_loss(model)) else catboost.to_regressor
        refuse_scores_alone(model)
        return made(model) if model.is_fitted() else model
    if hasattr(model, "predict") and _plain(taken_apart(model)[1]):
        raise InputError(
            f"the {type(model).__name__} ends in a catboost.CatBoost, which answers with margins: let it end in a "
            "CatBoostClassifier or a CatBoostRegressor"
        )
    return model


def _plain(model: Any) -> bool:
    return type(model).__name__ == "CatBoost" and type(model).__module__.partition(".")[0] == "catboost"
