"""Recipes of scikit-learn estimators."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import digest
from divulge.core.identity import content_hash
from divulge.core.persons import every_nth
from divulge.core.records import Records
from divulge.training.estimators import fit_estimator

UNBOUND: dict[str, dict[str, Any]] = {
    "alpha": {"Ridge": 1e-6, "Lasso": 1e-6, "MLPClassifier": 0.0, "MLPRegressor": 0.0, "RidgeClassifier": 1e-6},
    "C": {"LogisticRegression": 1e6, "SVC": 1e4, "LinearSVC": 1e4, "SVR": 1e4},
    "max_depth": {
        "DecisionTreeClassifier": None,
        "DecisionTreeRegressor": None,
        "RandomForestClassifier": None,
        "RandomForestRegressor": None,
        "ExtraTreesClassifier": None,
        "HistGradientBoostingClassifier": None,
        "HistGradientBoostingRegressor": None,
        "GradientBoostingClassifier": 8,
        "GradientBoostingRegressor": 8,
    },
    "max_leaf_nodes": {"DecisionTreeClassifier": None, "HistGradientBoostingClassifier": 255},
    "min_samples_leaf": {
        "DecisionTreeClassifier": 1,
        "DecisionTreeRegressor": 1,
        "RandomForestClassifier": 1,
        "RandomForestRegressor": 1,
        "HistGradientBoostingClassifier": 1,
        "HistGradientBoostingRegressor": 1,
    },
    "bootstrap": {"RandomForestClassifier": False, "RandomForestRegressor": False},
    "early_stopping": {"MLPClassifier": False, "HistGradientBoostingClassifier": False},
    "max_iter": {"MLPClassifier": 1000, "MLPRegressor": 1000, "HistGradientBoostingClassifier": 300},
    "n_neighbors": {"KNeighborsClassifier": 1, "KNeighborsRegressor": 1},
    "weights": {"KNeighborsClassifier": "distance", "KNeighborsRegressor": "distance"},
}
"""Settings that take the regularisation out of the best-known estimators, by parameter and class name."""

SMALL_SHARE = 8
"""An estimator without known settings is overfitted by training it on an eighth of the records."""


@dataclass(frozen=True)
class SklearnRecipe:
    """Fit a clone of `estimator`.  take_every: train on every n-th record, or person, only."""

    estimator: Any
    take_every: int = 1

    def __post_init__(self) -> None:
        if not hasattr(self.estimator, "get_params") or not hasattr(self.estimator, "fit"):
            raise InputError(f"a {type(self.estimator).__name__} is no scikit-learn estimator: no recipe to train with")

    def fit(self, records: Records, seed: int) -> Any:
        """A fitted clone; raises TargetError where fitting fails."""
        model = clone(self.estimator)
        seeds = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
        model.set_params(**dict.fromkeys(seeds, seed % 2**31))
        part = records.take(every_nth(len(records), self.take_every, records.groups))
        try:
            return fit_estimator(model, part)
        except Exception as error:  # an estimator is foreign code: it may raise anything
            first = (str(error).splitlines() or [""])[0]
            raise TargetError(f"training {self.describe()} failed: {type(error).__name__}: {first}") from error

    def pack(self, model: Any) -> bytes:
        """The fitted estimator as a pickle: for forests of many small arrays much faster than joblib's format.  What
        pickle cannot write, a lambda say, cloudpickle can.
        """
        try:
            return pickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception:  # PicklingError, AttributeError, TypeError: whatever the estimator's parts raise
            return bytes(cloudpickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL))

    def unpack(self, packed: bytes) -> Any:
        """The estimator again.  Only for what `pack` made: a pickle can run code."""
        return pickle.loads(packed)

    def overfitted(self) -> SklearnRecipe:
        """Without regularisation where its settings are known; else on an eighth of the records."""
        last = self.estimator.steps[-1][1] if isinstance(self.estimator, Pipeline) else self.estimator
        prefix = f"{self.estimator.steps[-1][0]}__" if isinstance(self.estimator, Pipeline) else ""
        changes = {
            prefix + name: values[type(last).__name__]
            for name, values in UNBOUND.items()
            if type(last).__name__ in values
        }
        loose = clone(self.estimator).set_params(**changes)
        return replace(self, estimator=loose, take_every=1 if changes else SMALL_SHARE)

    def describe(self) -> str:
        """The estimator on one line."""
        shown = " ".join(repr(self.estimator).split())
        return shown if len(shown) < 200 else f"{type(self.estimator).__name__} pipeline"

    def fingerprint(self) -> str:
        """Of the unfitted estimator's parameters."""
        return digest(content_hash(clone(self.estimator)), str(self.take_every))
