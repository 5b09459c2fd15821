"""A target and its recipe under defences: of the data, of the training, of the interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from divulge.auditing.job import BoundRecipe
from divulge.catalog.defenses import defense
from divulge.catalog.settings import finite
from divulge.core.capability.declared import able
from divulge.core.capability.defenses import Accounted, Fitted, ShownThrough
from divulge.core.defense import Stage, UpdateDefense
from divulge.core.errors import InputError
from divulge.core.hashing import derived_seed
from divulge.core.privacy_budget import warn_of_delta
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.results.guarantee import Guarantee
from divulge.core.target import Target
from divulge.core.wording import joined
from divulge.defenses.guarantees import promised
from divulge.defenses.interface.defended_target import compatible, shielded
from divulge.training.recipes.defended import DefendedRecipe, defended_recipe, lacking_reference

RETRAINED = (Stage.DATA, Stage.SETTINGS, Stage.TRAINING)


def named_defenses(chosen: Sequence[Any] | None) -> list[Any]:
    """Defences by name, by name with settings as in an audit file ({"rounding": {"decimals": 1}}), or as they are."""
    defenses: list[Any] = []
    for item in chosen or ():
        if isinstance(item, dict):
            defenses += [defense(name, **_settings(name, settings)) for name, settings in item.items()]
        else:
            defenses.append(defense(item) if isinstance(item, str) else item)
    for item in defenses:
        finite(f"defenses.{item.card.name}", item)
    return defenses


def _settings(name: str, settings: Any) -> dict[str, Any]:
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise InputError(f"defenses: the settings of {name!r} are {settings!r}: give keys and values")
    return settings


def protections_of(chosen: Sequence[Any] | None) -> tuple[UpdateDefense, ...]:
    """Of the defences those that clients apply to their updates."""
    return tuple(item for item in named_defenses(chosen) if item.card.stage is Stage.UPDATE)


def defended(
    target: Target,
    recipe: Recipe | None,
    chosen: Sequence[Any] | None,
    members: Records | None = None,
    reference: Records | None = None,
    seed: int = 0,
    anew: bool = False,
) -> tuple[Target, Recipe | None]:
    """Target and recipe under these defences: an adversary who trains shadow models defends them in the same way.

    Where one of them acts before or while the model is trained, the audited model is a new one: trained on the
    members by the recipe and these defences.  reference: the owner's further records, for defences that need some.
    anew: train it anew in any case, so that it can be compared with others.
    """
    defenses = named_defenses(chosen)
    before = [item for item in defenses if item.card.stage in RETRAINED]
    behind = [item for item in defenses if item.card.stage is Stage.INTERFACE]
    if not before and not behind and not anew:
        return target, recipe
    checked(target, recipe, defenses, reference)
    defended = under(target, recipe, defenses, reference) if recipe is not None else None
    if not anew and not before and not any(able(item, Fitted) for item in behind):
        return shielded(target, behind), defended
    assert isinstance(defended, BoundRecipe) and members is not None
    if before or anew:
        _tell(defended, defenses, members)
        return defended.train(members, derived_seed(seed, "defended")), defended
    return defended.guarded(target, members, derived_seed(seed, "guard")), defended


def under(target: Target, recipe: Recipe, chosen: Sequence[Any], reference: Records | None) -> Recipe:
    """The recipe under these defences; nothing is trained."""
    defenses = named_defenses(chosen)
    before = [item for item in defenses if item.card.stage in RETRAINED]
    behind = [item for item in defenses if item.card.stage is Stage.INTERFACE]
    checked(target, recipe, defenses, reference)
    if not isinstance(recipe, BoundRecipe) or not (before or behind):
        return recipe
    sending = [item for item in defenses if item.card.stage is Stage.UPDATE]
    trained = defended_recipe(recipe.recipe, [*before, *sending], reference) if before else recipe.recipe
    return replace(recipe, recipe=trained, behind=tuple(behind), before=tuple(before), reference=reference)


def checked(target: Target, recipe: Recipe | None, chosen: Sequence[Any], reference: Records | None) -> None:
    """Raises InputError for a composition that makes no sense, or that lacks something; nothing is trained."""
    defenses = named_defenses(chosen)
    before = [item for item in defenses if item.card.stage in RETRAINED]
    behind = [item for item in defenses if item.card.stage is Stage.INTERFACE]
    _known(recipe, before, behind)
    if before and isinstance(recipe, BoundRecipe):
        defended_recipe(recipe.recipe, before, reference)
    shown = [*(item.shown for item in before if able(item, ShownThrough)), *behind]
    if shown:
        compatible(target, shown)
    needy = next((item for item in behind if item.card.needs_reference), None)
    if needy is not None and reference is None:
        raise InputError(lacking_reference(needy.card.name))


def defended_name(name: str, chosen: Sequence[Any] | None) -> str:
    """Of an audit of a model that is defended while it is trained."""
    before = [item.card.name for item in named_defenses(chosen) if item.card.stage in RETRAINED]
    return f"{name} with {joined(before, 'and')}" if before else name


def _known(recipe: Recipe | None, before: Sequence[Any], behind: Sequence[Any]) -> None:
    if recipe is not None and not isinstance(recipe, BoundRecipe):
        raise InputError("defenses need a recipe that divulge trains: a TorchRecipe, an estimator or a function")
    needy = [*before, *(item for item in behind if able(item, Fitted))]
    if needy and recipe is None:
        raise InputError(
            f"defenses: {needy[0].card.name!r} is made while a model is trained: pass a recipe by which divulge can "
            "train it"
        )


def base_of(recipe: Any) -> Any:
    """What trains under all defences."""
    base = recipe.recipe if isinstance(recipe, BoundRecipe) else recipe
    while isinstance(base, DefendedRecipe):
        base = base.base
    return base


def _tell(recipe: BoundRecipe, defenses: Sequence[Any], members: Records) -> None:
    """What the composition promises, into the story of the training."""
    found = promised(defenses, members, base_of(recipe))
    if found is None:
        return
    title = next(d.card.title for d in reversed(defenses) if d.card.stage is Stage.TRAINING and able(d, Accounted))
    if isinstance(found, Guarantee):
        name = next(d.card.name for d in defenses if d.card.title == title)
        warn_of_delta(name, found.delta, found.units, stacklevel=4, unit=found.unit)
        recipe.trainer.told.append(f"{title}: {found}. {found.assumed}")
    else:
        recipe.trainer.told.append(f"{title}: {found}")
