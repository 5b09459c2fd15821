"""The knobs of a recipe: one setting turned towards less memory, for asking what would happen then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from divulge.core.capability.declared import able
from divulge.core.capability.recipes import ByEpochs, Decays
from divulge.core.inside import settings_of
from divulge.training.recipes.sklearn import SklearnRecipe
from divulge.training.recipes.unfitted import unfitted

MOST = 2
"""Knobs that are turned, the most usual first."""

DEEP = 6
"""Levels of a tree that is half as deep as one without a limit."""

Turn = Callable[[Any], tuple[Any, str] | None]


def knobs(recipe: Any) -> list[tuple[str, Any]]:
    """What was turned, in words, and the recipe with it; empty for recipes without known settings."""
    found = _sklearn(recipe) if isinstance(recipe, SklearnRecipe) else _network(recipe)
    return [knob for knob, _ in zip(found, range(MOST), strict=False)]


def _network(recipe: Any) -> Iterator[tuple[str, Any]]:
    """Of a recipe that trains by epochs."""
    epochs = recipe.epochs if able(recipe, ByEpochs) else None
    decay = recipe.weight_decay if able(recipe, Decays) else None
    if isinstance(epochs, int) and epochs > 1:
        yield f"half the epochs ({epochs // 2} for {epochs})", replace(recipe, epochs=epochs // 2)
    if isinstance(decay, float):
        more = max(10 * decay, 0.01)
        yield f"more weight decay ({more:g} for {decay:g})", replace(recipe, weight_decay=more)


def _halved(value: Any) -> tuple[Any, str] | None:
    return (value // 2, "half as many") if isinstance(value, int) and value > 1 else None


def _shallower(value: Any) -> tuple[Any, str] | None:
    return (DEEP, "a limit to") if value is None else (value // 2, "half the") if value > 1 else None


def _fuller(value: Any) -> tuple[Any, str] | None:
    return (5 * value, "five times") if isinstance(value, int) else None


def _stronger(value: Any) -> tuple[Any, str] | None:
    return (value / 10, "a tenth of") if isinstance(value, int | float) else None


def _ten(value: Any) -> tuple[Any, str] | None:
    return (10 * value, "ten times") if isinstance(value, int | float) and value > 0 else None


_TURNS: dict[str, tuple[Turn, frozenset[str]]] = {
    "C": (_stronger, frozenset({"LogisticRegression", "SVC", "LinearSVC"})),
    "alpha": (_ten, frozenset({"MLPClassifier", "Ridge", "RidgeClassifier", "Lasso", "SGDClassifier"})),
    "max_iter": (_halved, frozenset({"HistGradientBoostingClassifier", "MLPClassifier"})),
    "n_estimators": (_halved, frozenset({"GradientBoostingClassifier", "XGBClassifier", "LGBMClassifier"})),
    "max_depth": (
        _shallower,
        frozenset(
            {"DecisionTreeClassifier", "RandomForestClassifier", "ExtraTreesClassifier", "GradientBoostingClassifier"}
        ),
    ),
    "min_samples_leaf": (
        _fuller,
        frozenset({"DecisionTreeClassifier", "RandomForestClassifier", "ExtraTreesClassifier"}),
    ),
}
"""By parameter: how it is turned, and for which estimators."""


def _sklearn(recipe: SklearnRecipe) -> Iterator[tuple[str, Any]]:
    """Of an estimator, or of one inside a pipeline."""
    settings = settings_of(recipe.estimator) or {}
    settings = {name: value for name, value in settings.items() if name not in _searched(settings)}
    owners = {"": recipe.estimator} | {f"{n}__": v for n, v in settings.items() if hasattr(v, "get_params")}
    for parameter, (turn, kinds) in _TURNS.items():
        for prefix, owner in owners.items():
            name = prefix + parameter
            if type(owner).__name__ not in kinds or name not in settings:
                continue
            mitigations = turn(settings[name])
            if mitigations is not None:
                value, words = mitigations
                changed = unfitted(recipe.estimator).set_params(**{name: value})
                yield f"{words} {parameter} ({value:g} for {settings[name]})", replace(recipe, estimator=changed)


def _searched(settings: dict[str, Any]) -> set[str]:
    """Settings that a search sets itself, so that turning them changes nothing."""
    grids = [settings[name] for name in ("param_grid", "param_distributions") if name in settings]
    each = [part for grid in grids for part in (grid if isinstance(grid, list) else [grid])]
    return {f"estimator__{name}" for grid in each for name in grid}
