"""How the model of an audit is trained: from keys, an estimator, a function, a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from divulge.auditing.job import BoundRecipe, ModelRecipe
from divulge.auditing.resources import Resources
from divulge.core.capability.declared import able
from divulge.core.capability.reading import ReadsScores
from divulge.core.capability.recipes import Overfittable, TrainsMany, TrainsTargets
from divulge.core.capability.targets import Adapts, Answering, HasBooster, HasEstimator
from divulge.core.errors import InputError
from divulge.core.recipe import Recipe
from divulge.core.target import Target
from divulge.core.threat import RELEASES, Access, Task
from divulge.setup.parts import GivenObject, RecipePart
from divulge.setup.sources.targets_from import target_from
from divulge.setup.sources.texts_from import fine_tune_in
from divulge.setup.sources.user_code import built_by, factory_from
from divulge.targets.kinds import kind_of
from divulge.training.recipes.boosters import BoosterRecipe
from divulge.training.recipes.fine_tune import TextRecipe
from divulge.training.recipes.function import FunctionRecipe
from divulge.training.recipes.generator import GeneratorRecipe, fits_tables
from divulge.training.recipes.sklearn import SklearnRecipe
from divulge.training.shadow import OneByOne


def recipe_from(
    said: str | RecipePart | GivenObject,
    model: Any,
    target: Target,
    resources: Resources | None = None,
    factory: Callable[[], Any] | None = None,
    folder: Path = Path(),
) -> Recipe | None:
    """The recipe that the settings of an audit speak of; None where they say that there is none.

    model: what was audited, as it was given.  factory: what builds such a model untrained, where the target has one.
    folder: what paths are relative to.
    """
    part = RecipePart.model_validate({"kind": said}) if isinstance(said, str) else said
    if isinstance(part, RecipePart) and part.kind == "fine_tune":
        chosen = fine_tune_in(part, target, folder)
    else:
        chosen = part.value if isinstance(part, GivenObject) else as_said(part, factory, folder)
    return recipe_for(chosen, model, target, resources)


def as_said(part: RecipePart, factory: Callable[[], Any] | None, folder: Path) -> Any:
    """What keys say about training, as `recipe_for` takes it."""
    if part.kind == "none":
        return None
    if part.kind in ("auto", "chosen"):
        return part.kind
    if isinstance(part.factory, str):
        factory = factory_from(part.factory, folder, "recipe.factory")
    elif part.factory is not None:
        factory = part.factory
    if factory is None:
        raise InputError(
            f"recipe.factory: is missing: recipe.kind {part.kind} needs a function that "
            f"{'fits a generator to a table, fit(table, seed)' if part.kind == 'generator' else 'builds the model'}"
        )
    if part.kind == "generator":
        return factory
    if part.kind == "sklearn":
        return built_by(factory, str(part.factory or ""), "recipe.factory")
    from divulge.training.recipes.augment import Augmentation
    from divulge.training.recipes.pytorch import Optimizer, Schedule, TorchRecipe

    return TorchRecipe(
        factory,
        optimizer=Optimizer(part.optimizer),
        schedule=Schedule(part.schedule),
        augmentation=Augmentation[part.augmentation.upper()],
        **part.model_dump(include={"epochs", "batch_size", "learning_rate", "weight_decay", "momentum"}),
    )


def recipe_for(recipe: Any, model: Any, target: Target, resources: Resources | None = None) -> Recipe | None:
    """What the user said about training, as a recipe whose models are targets of the same kind."""
    if recipe is None:
        return None
    found: ModelRecipe
    if isinstance(recipe, str):
        if recipe not in ("auto", "chosen"):
            raise InputError(f"recipe {recipe!r} is unknown: pass 'auto', 'chosen', None, a recipe or a function")
        estimator = target.estimator if able(target, HasEstimator) else model
        if RELEASES & target.offers:  # how it was made nobody can tell from what was published
            return None
        if recipe == "auto" and not (hasattr(estimator, "get_params") and hasattr(estimator, "fit")):
            own = BoosterRecipe.of(target.booster) if able(target, HasBooster) else None
            return BoundRecipe(own, _adapter_like(target), (resources or Resources()).trainer) if own else None
        found = SklearnRecipe(estimator) if recipe == "auto" else SklearnRecipe.of_chosen(estimator)
    elif able(recipe, TrainsTargets) and able(recipe, Overfittable):
        return cast(Recipe, recipe if able(recipe, TrainsMany) else OneByOne(recipe))
    elif able(recipe, Overfittable):
        found = cast(ModelRecipe, recipe)
    elif hasattr(recipe, "get_params"):
        found = SklearnRecipe(recipe)
    elif callable(recipe):
        tables = Access.SAMPLES in target.offers and fits_tables(recipe)
        texts = target.task is Task.LANGUAGE
        found = TextRecipe(recipe) if texts else GeneratorRecipe(recipe) if tables else FunctionRecipe(recipe)
    else:
        raise InputError(f"a {type(recipe).__name__} is no recipe: pass a TorchRecipe, an estimator or a function")
    return BoundRecipe(found, _adapter_like(target), (resources or Resources()).trainer)


def _adapter_like(target: Target) -> Callable[[Any], Target]:
    """Adapts new models as the audited one was adapted, where its adapter has settings."""
    alike = target.alike if able(target, Adapts) else None

    def adapt(model: Any) -> Target:
        recognized = hasattr(model, "predict") or able(model, Answering) or isinstance(model, str | Path)
        recognized = (recognized and Access.SAMPLES not in target.offers) or kind_of(model) is not None
        if alike is not None and not recognized:
            return alike(model)
        made = target_from(model)
        if able(made, ReadsScores) and able(target, ReadsScores):
            made.score_reading = target.score_reading.twin(made.name)
        return made

    return adapt
