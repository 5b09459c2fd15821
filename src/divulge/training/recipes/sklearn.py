"""Recipes of scikit-learn estimators."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from typing import Any

from divulge.core.errors import FOREIGN, InputError, TargetError, raised
from divulge.core.hashing import digest
from divulge.core.identity import content_hash
from divulge.core.inside import settings_of
from divulge.core.persons import every_nth
from divulge.core.records import Records
from divulge.training.recipes.estimator_fitting import fit_estimator
from divulge.training.recipes.tuned_search import chosen, tunes
from divulge.training.recipes.unfitted import unfitted

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
    "max_iter": {
        "MLPClassifier": 1000,
        "MLPRegressor": 1000,
        "HistGradientBoostingClassifier": 300,
        "SVC": 100_000,
        "SVR": 100_000,
    },
    "n_neighbors": {"KNeighborsClassifier": 1, "KNeighborsRegressor": 1},
    "weights": {"KNeighborsClassifier": "distance", "KNeighborsRegressor": "distance"},
}
"""Settings that take the regularisation out of the best-known estimators, by parameter and class name.

Support vector machines with next to none, of records that no margin parts, may take steps without end.
"""

SMALL_SHARE = 8
"""An estimator without known settings is overfitted by training it on an eighth of the records."""


@dataclass(frozen=True)
class SklearnRecipe:
    """Fit a clone of `estimator`, which tunes anew whatever it tunes; see of_chosen for the other way.  take_every:
    train on every n-th record, or person, only; on more where the estimator fails with so few.  told: what was chosen.
    """

    estimator: Any
    take_every: int = 1
    told: str = ""

    def __post_init__(self) -> None:
        if not hasattr(self.estimator, "get_params") or not hasattr(self.estimator, "fit"):
            raise InputError(f"a {type(self.estimator).__name__} is no scikit-learn estimator: no recipe to train with")

    @classmethod
    def of_chosen(cls, estimator: Any) -> SklearnRecipe:
        """The recipe that trains with the settings that a fitted search or estimator of the CV kind has chosen."""
        if not hasattr(estimator, "get_params"):
            raise InputError(f"a {type(estimator).__name__} is no scikit-learn estimator: no recipe to train with")
        plain, found = chosen(estimator)
        words = ", ".join(f"{name}={_short(value)}" for name, value in found.items())
        return cls(plain, told=f", with the parameters chosen: {words}" if found else "")

    def fit(self, records: Records, seed: int) -> Any:
        """A fitted clone; raises TargetError where fitting fails."""
        every = self.take_every
        while True:
            model = unfitted(self.estimator)
            seeds = [name for name in settings_of(model) or () if name.split("__")[-1] == "random_state"]
            if seeds:
                model.set_params(**dict.fromkeys(seeds, seed % 2**31))
            try:
                return fit_estimator(model, records.take(every_nth(len(records), every, records.groups)))
            except FOREIGN as error:  # an estimator is foreign code: it may raise anything
                if every > 1:
                    every //= 2
                    continue
                raise TargetError(f"training {self.describe()} failed: {raised(error)}") from error

    def pack(self, model: Any) -> bytes:
        """The fitted estimator as a pickle: for forests of many small arrays much faster than joblib's format.  What
        pickle cannot write, a lambda say, cloudpickle can.
        """
        import cloudpickle

        try:
            return pickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception:  # PicklingError, AttributeError, TypeError: whatever the estimator's parts raise
            return bytes(cloudpickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL))

    def unpack(self, packed: bytes) -> Any:
        """The estimator again.  Only for what `pack` made: a pickle can run code."""
        return pickle.loads(packed)

    def overfitted(self) -> SklearnRecipe:
        """Without regularisation where its settings are known; else on an eighth of the records."""
        from sklearn.pipeline import Pipeline

        plain = _without_search(self.estimator)
        last = plain.steps[-1][1] if isinstance(plain, Pipeline) else plain
        prefix = f"{plain.steps[-1][0]}__" if isinstance(plain, Pipeline) else ""
        changes = {
            prefix + name: values[type(last).__name__]
            for name, values in UNBOUND.items()
            if type(last).__name__ in values
        }
        loose = unfitted(plain).set_params(**changes)
        return replace(self, estimator=loose, take_every=1 if changes else SMALL_SHARE)

    def describe(self) -> str:
        """The estimator on one line."""
        try:
            shown = " ".join(repr(self.estimator).split())
        except Exception:  # of an estimator that cannot say what its settings are
            shown = type(self.estimator).__name__
        shown = shown if len(shown) < 200 else f"{type(self.estimator).__name__} pipeline"
        return shown + (self.told or (", tuned anew for every model" if tunes(self.estimator) else ""))

    def fingerprint(self) -> str:
        """Of the unfitted estimator's parameters."""
        return digest(content_hash(unfitted(self.estimator)), str(self.take_every))


def _without_search(estimator: Any) -> Any:
    """What is tuned, with the settings that it has or was found to need best: a search finds regularisation again."""
    plain, _ = chosen(estimator)
    while hasattr(plain, "refit") and hasattr(plain, "estimator"):  # a search that was not fitted
        plain = plain.estimator
    return plain


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
