"""From what a user gives to a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import numpy as np

from divulge.auditing.chain import chain_of
from divulge.auditing.detection import checked_detectors
from divulge.auditing.job import BoundRecipe, Job, ModelRecipe, Reconstruction, See
from divulge.auditing.plan import relevant
from divulge.auditing.resources import Resources
from divulge.catalog.attacks import ATTACKS, attack, attack_class, table
from divulge.core.attack import Attack
from divulge.core.audit_result import DataFacts
from divulge.core.errors import InputError, MissingExtra, TargetError
from divulge.core.hashing import digest
from divulge.core.persons import checked_aggregate, count
from divulge.core.policy import Policy
from divulge.core.property_expression import columns_of, property_of
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access, Family, Task, ThreatModel
from divulge.core.views.membership import Shadows
from divulge.core.wording import joined
from divulge.data.arrays import from_arrays
from divulge.data.loaders import unpacked
from divulge.data.pairs import as_pairs
from divulge.data.splits import Duplicates, separate
from divulge.games.classes import disjoint
from divulge.games.membership import shuffled
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan
from divulge.setup.defended import protections_of
from divulge.setup.labels import labels_of
from divulge.setup.scope import FAMILIES
from divulge.setup.tokens import counted_tokens
from divulge.targets.estimators.fitted_table import fitted_columns
from divulge.training.recipes.boosters import BoosterRecipe
from divulge.training.recipes.function import FunctionRecipe
from divulge.training.recipes.sklearn import SklearnRecipe
from divulge.training.shadow import OneByOne, ShadowTrainer

DEFAULT_SHADOWS = 16
FAST_SHADOWS = 4
THOROUGH_SHADOWS = 64


@dataclass(frozen=True)
class Sets:
    """The records of an audit under one schema.  persons: the label behind each number of `Records.groups`.
    aggregate: how scores of a person's records become one.
    """

    members: Records
    nonmembers: Records
    population: Records | None
    persons: tuple[str, ...] = field(default=(), kw_only=True)
    aggregate: str = field(default="mean", kw_only=True)


def threat_from(threat: str | ThreatModel) -> ThreatModel:
    """A preset by name, or the threat model itself."""
    if isinstance(threat, ThreatModel):
        return threat
    if threat not in PRESETS:
        raise InputError(f"threat model {threat!r} is unknown: choose one of {', '.join(PRESETS)}")
    return PRESETS[threat]


def attacks_for(
    chosen: Sequence[str | Attack[Any, Any]] | None,
    target: Target,
    shadows: int = DEFAULT_SHADOWS,
    threat: ThreatModel | None = None,
    families: Sequence[str] = FAMILIES,
) -> list[Attack[Any, Any]]:
    """The attacks named, or all of these families that are meant for this kind of target.

    shadows: models for those that can choose.
    """
    known = [family.value for family in Family]
    wrong = next((family for family in families if family not in known), None)
    if wrong is not None:
        raise InputError(f"family {wrong!r} is unknown: choose from {', '.join(known)}")
    if chosen is None:
        made = [_sized(name, shadows) for name in table()]
        found = relevant([a for a in made if a.card.family.value in families], target, threat)
        if not found:
            raise InputError(f"there is no attack of {joined(families, 'or')} for this target")
        return found
    if not chosen:
        raise InputError("the list of attacks is empty: leave it out for all, or name one of " + ", ".join(ATTACKS))
    made = [_sized(item, shadows) if isinstance(item, str) else item for item in chosen]
    names = [a.card.name for a in made]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise InputError(f"attack {twice!r} is listed twice: list it once")
    return made


def _sized(name: str, shadows: int) -> Attack[Any, Any]:
    """An attack by name, with this many shadow models where it has the choice."""
    settings = {field.name for field in fields(cast(Any, attack_class(name)))}
    return attack(name, shadows=shadows) if "shadows" in settings else attack(name)


def target_from(model: Any, name: str | None = None) -> Target:
    """The adapter for a model; a Target is returned as it is."""
    if isinstance(model, type):
        raise InputError(f"{model.__name__} is a class: pass a trained model, an instance of it")
    if all(hasattr(model, part) for part in ("answer", "offers", "task", "fingerprint")):
        return cast(Target, model)
    if isinstance(model, str | Path):
        return _onnx(Path(model), name)
    if any(base.__module__.startswith("keras.") for base in type(model).__mro__):
        from divulge.targets.networks.keras import KerasTarget

        return KerasTarget(model, name=name)
    if any(base.__module__.startswith("torch.") for base in type(model).__mro__):
        return _torch(model, name)
    if type(model).__name__ == "Booster":
        from divulge.targets.estimators.boosters import BoosterTarget

        return BoosterTarget(model, name=name)
    if hasattr(model, "predict"):
        from divulge.targets.estimators.sklearn import SklearnTarget

        return SklearnTarget(model, name)
    if callable(model):
        from divulge.targets.function import FunctionTarget

        return FunctionTarget(model, name=name)
    raise InputError(
        f"a {type(model).__name__} is no target: pass a fitted estimator, a torch module, a Keras model, a path to an "
        "ONNX file, a function x -> scores, a GeneratorTarget, or a ScoreTable"
    )


def _onnx(path: Path, name: str | None) -> Target:
    if path.suffix != ".onnx":
        raise InputError(f"target {path}: only .onnx files load without code; load the model yourself and pass it")
    try:
        from divulge.targets.networks.onnx import OnnxTarget
    except ModuleNotFoundError as error:
        raise MissingExtra("onnxruntime", "onnx") from error
    return OnnxTarget(path, name=name)


def _torch(module: Any, name: str | None) -> Target:
    from divulge.targets.networks.pytorch import TorchTarget

    return TorchTarget(module, name=name)


def records_from(
    target: Target,
    members: Any,
    nonmembers: Any,
    population: Any = None,
    sensitive: Iterable[str] = (),
    classes: Sequence[Any] | None = None,
    task: Task | str | None = None,
    keep: Iterable[str] = (),
) -> Sets:
    """The three sets as records under one schema, with class codes in the target's order; see labels_of.

    keep: columns of data frames that are needed though the model was not fitted on them.
    """
    if members is None or nonmembers is None:
        raise InputError("audit() needs members=(x, y) and nonmembers=(x, y): who was trained on, and who was not")
    given = {"members": unpacked(members), "nonmembers": unpacked(nonmembers), "population": unpacked(population)}
    given = as_pairs(given, fitted_columns(getattr(target, "estimator", None)), (*sensitive, *keep))
    pairs = [pair for pair in given.values() if pair is not None]
    if all(isinstance(pair, Records) for pair in pairs):
        return Sets(members, nonmembers, population)
    known = labels_of(target, pairs, classes, task)
    sets = from_arrays(pairs, classes=known, task=target.task, sensitive=sensitive)
    return Sets(sets[0], sets[1], sets[2] if len(sets) > 2 else None)


def met(target: Target, sets: Sets) -> Sets:
    """The sets, once a service has been asked about three records, so that it is known what it answers with, and a
    network about many, so that it is settled what its outputs stand for.
    """
    settle = getattr(target, "settle", None)
    if settle is not None:
        try:
            settle(sets.members)
        except TargetError as error:
            raise InputError(str(error)) from error
    meet = getattr(target, "meet", None)
    if meet is not None:
        try:
            meet(sets.members)
        except TargetError as error:
            raise InputError(f"target.service: {error}") from error
    return sets


def recipe_for(recipe: Any, model: Any, target: Target, resources: Resources | None = None) -> Recipe | None:
    """What the user said about training, as a recipe whose models are targets of the same kind."""
    if recipe is None:
        return None
    made: ModelRecipe
    if isinstance(recipe, str):
        if recipe not in ("auto", "chosen"):
            raise InputError(f"recipe {recipe!r} is unknown: pass 'auto', 'chosen', None, a recipe or a function")
        estimator = getattr(target, "estimator", model)
        if recipe == "auto" and not hasattr(estimator, "get_params"):
            own = BoosterRecipe.of(target.booster) if hasattr(target, "booster") else None
            return BoundRecipe(own, _adapter_like(target), (resources or Resources()).trainer) if own else None
        made = SklearnRecipe(estimator) if recipe == "auto" else SklearnRecipe.of_chosen(estimator)
    elif hasattr(recipe, "train") and hasattr(recipe, "overfitted"):
        return cast(Recipe, recipe if hasattr(recipe, "train_many") else OneByOne(recipe))
    elif hasattr(recipe, "overfitted"):
        made = recipe
    elif hasattr(recipe, "get_params"):
        made = SklearnRecipe(recipe)
    elif callable(recipe):
        made = FunctionRecipe(recipe)
    else:
        raise InputError(f"a {type(recipe).__name__} is no recipe: pass a TorchRecipe, an estimator or a function")
    return BoundRecipe(made, _adapter_like(target), (resources or Resources()).trainer)


def reconstruction_of(public: Any, like: Records, plan: RebuildPlan | None, defenses: Sequence[Any]) -> Reconstruction:
    """What reconstruction is played with: of the defences those that clients apply to their updates."""
    return Reconstruction(_public_records(public, like), plan or RebuildPlan(), protections_of(defenses))


def _public_records(public: Any, like: Records) -> Records | None:
    """Records (x, y) of other classes than the model's, under a schema of their own."""
    if public is None or isinstance(public, Records):
        return public
    if not isinstance(public, tuple) or len(public) != 2:
        raise InputError(f"public must be a pair (x, y), not a {type(public).__name__}")
    (made,) = from_arrays([public], task=like.schema.task)
    return made


def _adapter_like(target: Target) -> Callable[[Any], Target]:
    """Adapts new models as the audited one was adapted, where its adapter has settings."""
    alike: Callable[[Any], Target] | None = getattr(target, "alike", None)

    def adapt(model: Any) -> Target:
        recognised = hasattr(model, "predict") or hasattr(model, "answer") or isinstance(model, str | Path)
        recognised = recognised and Access.SAMPLES not in target.offers
        return target_from(model) if alike is None or recognised else alike(model)

    return adapt


def job_from_records(
    target: Target,
    sets: Sets,
    attacks: Sequence[Attack[Any, Any]],
    *,
    threat: ThreatModel,
    recipe: Recipe | None,
    policy: Policy,
    duplicates: str,
    seed: int,
    name: str,
    resources: Resources | None = None,
    chain: Sequence[str] = (),
    detectors: Sequence[str] = (),
    reconstruction: Reconstruction | None = None,
    properties: PropertyPlan | Sequence[str] = (),
) -> Job:
    """A job about records that are here; raises InputError when members and non-members share records."""
    how = _duplicates(duplicates)
    members, nonmembers, population, overlap = separate(sets.members, sets.nonmembers, sets.population, how)
    reconstruction = reconstruction or Reconstruction()
    if reconstruction.public is not None:
        disjoint(reconstruction.public, members)
    candidates, member, row = shuffled(members, nonmembers, seed)
    shadows, poisoned = _shadows(recipe, candidates, seed, resources)
    return Job(
        name=name,
        target=target,
        candidates=candidates,
        features=counted_tokens(target, candidates),
        member=member,
        row=row,
        threat=threat,
        attacks=attacks,
        data=_data_facts(Sets(members, nonmembers, population, aggregate=sets.aggregate), str(overlap)),
        policy=policy,
        seed=seed,
        recipe=recipe,
        population=population,
        shadows=shadows,
        poisoned=poisoned,
        resources=resources or Resources(),
        chain=chain_of(attacks, chain),
        detectors=checked_detectors(detectors),
        reconstruction=reconstruction,
        properties=properties_of(properties, candidates),
        persons=sets.persons,
        aggregate=checked_aggregate(sets.aggregate),
    )


def _duplicates(named: str) -> Duplicates:
    if named not in [d.value for d in Duplicates]:
        raise InputError(f"duplicates: {named!r} is unknown: choose refuse, drop or keep")
    return Duplicates(named)


def properties_of(given: PropertyPlan | Sequence[str], records: Records) -> PropertyPlan:
    """What the property game is played on; raises InputError for what is no expression over these records."""
    made = given if isinstance(given, PropertyPlan) else PropertyPlan(tuple(given))
    columns = columns_of(records) if made.properties else {}
    for text in made.properties:
        property_of(text).value(columns)
    return made


def _data_facts(sets: Sets, overlap: str) -> DataFacts:
    schema = sets.members.schema
    return DataFacts(
        members=len(sets.members),
        nonmembers=len(sets.nonmembers),
        population=len(sets.population) if sets.population is not None else 0,
        columns=int(np.prod(sets.members.x.shape[1:])),
        classes=tuple(map(str, schema.classes)),
        sensitive=schema.sensitive,
        overlap=overlap,
        fingerprint=digest(sets.members.fingerprint(), sets.nonmembers.fingerprint()),
        member_persons=count(sets.members.groups),
        nonmember_persons=count(sets.nonmembers.groups),
        aggregate=sets.aggregate if sets.members.groups is not None else "",
    )


Pool = Callable[[int, See], Shadows]


def _shadows(
    recipe: Recipe | None, candidates: Records, seed: int, tools: Resources | None
) -> tuple[Pool | None, Callable[[Records], Pool] | None]:
    """The shadow pool, and what makes the pool of an adversary who contributes records of their own."""
    if recipe is None:
        return None, None
    artifact_cache = tools.artifact_cache if tools is not None and getattr(recipe, "cacheable", False) else None

    def poisoned(beside: Records | None) -> Pool:
        return cast(Pool, ShadowTrainer(recipe, candidates, seed, artifact_cache, beside).pool)

    return poisoned(None), poisoned
