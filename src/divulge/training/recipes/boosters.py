"""Recipes of raw boosters: trained anew by the library's own `train`, with the settings that the booster tells."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from divulge.core.errors import TargetError
from divulge.core.hashing import digest
from divulge.core.records import Records
from divulge.training.recipes.estimator_fitting import inputs_of

_LEFT_OUT = frozenset(
    {"updater", "updater_seq", "process_type", "sparse_threshold", "refresh_leaf", "eta", "alpha", "lambda", "gamma"}
)
"""Settings of XGBoost that follow from others, or stand there under a second name."""

_OF_THE_RUN = frozenset(
    {"num_iterations", "early_stopping_round", "categorical_column", "categorical_feature", "num_threads", "verbosity"}
    | {"verbose", "n_estimators", "num_boost_round", "early_stopping_rounds", "seed", "random_state", "num_round"}
)
"""Settings of LightGBM that say how this one training went, not how such a model is trained."""

LOOSE: dict[str, dict[str, Any]] = {
    "xgboost": {"max_depth": 10, "learning_rate": 0.5, "min_child_weight": 0, "reg_lambda": 0, "subsample": 1},
    "lightgbm": {"num_leaves": 255, "min_data_in_leaf": 1, "learning_rate": 0.3, "lambda_l2": 0, "max_depth": -1},
}
"""What takes the regularisation out of boosted trees."""


@dataclass(frozen=True)
class BoosterRecipe:
    """`train(options, records, rounds)` of a library, "xgboost" or "lightgbm"."""

    library: str
    options: tuple[tuple[str, Any], ...]
    rounds: int

    @classmethod
    def of(cls, booster: Any) -> BoosterRecipe | None:
        """The recipe of a booster; None where it does not say how it was trained, as XGBoost's model files do not."""
        library = type(booster).__module__.partition(".")[0]
        if library == "lightgbm":
            options = {k: v for k, v in booster.params.items() if k not in _OF_THE_RUN and not _empty(v)}
            rounds = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
            return cls(library, tuple(sorted(options.items())), rounds) if options else None
        learner = json.loads(booster.save_config())["learner"]
        if not learner.get("metrics"):
            return None
        best = booster.attr("best_iteration")
        rounds = int(best) + 1 if best is not None else booster.num_boosted_rounds()
        return cls(library, tuple(sorted(_settings(learner).items())), rounds)

    def fit(self, records: Records, seed: int) -> Any:
        """A booster; raises TargetError where training fails."""
        try:
            trained = self._xgboost if self.library == "xgboost" else self._lightgbm
            return trained(dict(self.options), inputs_of(records), records.y, seed % 2**31)
        except Exception as error:  # a library's own errors, of any kind
            first = (str(error).splitlines() or [""])[0]
            raise TargetError(f"training {self.describe()} failed: {type(error).__name__}: {first}") from error

    def _xgboost(self, settings: dict[str, Any], x: Any, y: Any, seed: int) -> Any:
        import xgboost

        settings |= {"seed": seed, "verbosity": 0, "nthread": 1}
        return xgboost.train(settings, xgboost.DMatrix(x, y, enable_categorical=True), self.rounds)

    def _lightgbm(self, settings: dict[str, Any], x: Any, y: Any, seed: int) -> Any:
        import lightgbm

        settings |= {"seed": seed, "verbosity": -1, "num_threads": 1}
        return lightgbm.train(settings, lightgbm.Dataset(x, y, params={"verbosity": -1}), self.rounds)

    def pack(self, model: Any) -> bytes:
        """The booster as a pickle."""
        return pickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL)

    def unpack(self, packed: bytes) -> Any:
        """The booster again.  Only for what `pack` made: a pickle can run code."""
        return pickle.loads(packed)

    def overfitted(self) -> BoosterRecipe:
        """With deep trees and quick steps."""
        return replace(self, options=tuple(sorted((dict(self.options) | LOOSE[self.library]).items())))

    def describe(self) -> str:
        """The library, rounds and what is most telling."""
        options = dict(self.options)
        shown = [f"{n}={options[n]}" for n in ("objective", "learning_rate", "max_depth", "num_leaves") if n in options]
        return f"{self.library}.train({', '.join(shown)}), {self.rounds} rounds"

    def fingerprint(self) -> str:
        """Of all settings."""
        return digest("booster", self.library, repr(self.options), str(self.rounds))


def _empty(value: Any) -> bool:
    return value is None or value in ("", "none", [])


def _settings(learner: dict[str, Any]) -> dict[str, Any]:
    """What was told to XGBoost's `train`, as far as the booster's own account of it goes."""
    settings = dict(_sections(learner["gradient_booster"])) | dict(_sections(learner["objective"]))
    settings |= learner["learner_train_param"]
    settings["num_parallel_tree"] = _first(learner["gradient_booster"], "num_parallel_tree") or "1"
    model = learner["learner_model_param"]
    if int(model["num_class"]) > 1:
        settings["num_class"] = model["num_class"]
    if model.get("boost_from_average") == "0":
        settings["base_score"] = model["base_score"]
    return {name: value for name, value in settings.items() if name not in _LEFT_OUT and value not in ("", "()")}


def _sections(part: Any) -> Iterator[tuple[str, str]]:
    """Settings in all sections of a part that hold settings of the training."""
    for name, inner in part.items() if isinstance(part, dict) else ():
        if isinstance(inner, dict) and name.endswith("_param") and "model" not in name:
            yield from ((key, value) for key, value in inner.items() if isinstance(value, str))
        elif isinstance(inner, dict):
            yield from _sections(inner)


def _first(part: Any, name: str) -> str | None:
    if not isinstance(part, dict):
        return None
    if name in part:
        return str(part[name])
    return next((found for inner in part.values() if (found := _first(inner, name)) is not None), None)
