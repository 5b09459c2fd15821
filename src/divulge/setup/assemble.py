"""From what a user gives to a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, cast

import numpy as np

from divulge.auditing.answers import bare
from divulge.auditing.chain import chain_of
from divulge.auditing.detection import checked_detectors
from divulge.auditing.job import Job, Reconstruction, See
from divulge.auditing.plan import relevant
from divulge.auditing.resources import Resources
from divulge.catalog.attacks import ATTACKS, attack, attack_class, table
from divulge.core.attack import Attack
from divulge.core.capability.recipes import for_shadows, reusable
from divulge.core.errors import InputError
from divulge.core.hashing import digest
from divulge.core.persons import checked_aggregate, count
from divulge.core.property_expression import columns_of, property_of
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.results.audit_result import DataFacts
from divulge.core.target import Target
from divulge.core.threat import Family, ThreatModel
from divulge.core.views.membership import Shadows
from divulge.core.wording import joined
from divulge.data.arrays import from_arrays
from divulge.data.splits import Duplicates, separate
from divulge.games.classes import disjoint
from divulge.games.membership import shuffled
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan
from divulge.setup.defended import defended, defended_name, named_defenses, protections_of
from divulge.setup.repeated import told_apart
from divulge.setup.scope import FAMILIES, scope_of
from divulge.setup.settings import Options
from divulge.setup.sources.sets import Sets
from divulge.setup.sources.targets_from import encrypted
from divulge.setup.sources.texts_from import reference_from
from divulge.setup.sources.tokens import counted_tokens
from divulge.targets.wrappers.averaged import averaged
from divulge.training.shadow import ShadowTrainer

SHADOWS: int = Options.model_fields["shadows"].default


def attacks_for(
    chosen: Sequence[str | Attack[Any, Any]] | None,
    target: Target,
    shadows: int = SHADOWS,
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
        attacks = [_sized(name, shadows) for name in table()]
        found = relevant([a for a in attacks if a.card.family.value in families], target, threat)
        if not found:
            raise InputError(f"there is no attack of {joined(families, 'or')} for this target")
        return found
    if not chosen:
        raise InputError("the list of attacks is empty: leave it out for all, or name one of " + ", ".join(ATTACKS))
    attacks = [_sized(item, shadows) if isinstance(item, str) else item for item in chosen]
    return told_apart(attacks)


def _sized(name: str, shadows: int) -> Attack[Any, Any]:
    """An attack by name, with this many shadow models where it has the choice."""
    settings = {field.name for field in fields(cast(Any, attack_class(name)))}
    return attack(name, shadows=shadows) if "shadows" in settings else attack(name)


def reconstruction_of(public: Any, like: Records, plan: RebuildPlan | None, defenses: Sequence[Any]) -> Reconstruction:
    """What reconstruction is played with: of the defences those that clients apply to their updates."""
    return Reconstruction(_public_records(public, like), plan or RebuildPlan(), protections_of(defenses))


def _public_records(public: Any, like: Records) -> Records | None:
    """Records (x, y) of other classes than the model's, under a schema of their own."""
    if public is None or isinstance(public, Records):
        return public
    if not isinstance(public, tuple) or len(public) != 2:
        raise InputError(f"public must be a pair (x, y), not a {type(public).__name__}")
    (public_records,) = from_arrays([public], task=like.schema.task)
    return public_records


def job_of(target: Target, sets: Sets, recipe: Recipe | None, options: Options, tools: Resources | None = None) -> Job:
    """The job of an audit, with the model as its settings have it: under encryption, averaged, defended.

    target: as its adapter has it.  recipe: how such models are trained.
    """
    reference = sets.population if sets.population is not None else sets.nonmembers
    asked = averaged(encrypted(target, options, reference), options.average)
    chosen = named_defenses(options.defenses)
    shown, trained_by = defended(asked, recipe, chosen, sets.members, sets.population, options.seed)
    named = options.changed(name=options.name or defended_name(shown.name, chosen), defenses=chosen)
    scope = scope_of(options.attacks, options.families, options.minutes)
    job = job_from_records(shown, sets, named, recipe=trained_by, resources=tools)
    return replace(job, asked=scope.asked(options.attacks, job.attacks), own=bare(shown) is not asked)


def job_from_records(
    target: Target,
    sets: Sets,
    options: Options,
    *,
    recipe: Recipe | None = None,
    resources: Resources | None = None,
) -> Job:
    """A job about records that are here; raises InputError when members and non-members share records.

    target, recipe: as they are played with, defended already where `options.defenses` say so.
    """
    scope = scope_of(options.attacks, options.families, options.minutes)
    threat, seed = options.threat_model, options.seed
    attacks = attacks_for(options.chosen, target, options.shadows, threat, scope.families)
    members, nonmembers, population, overlap = separate(
        sets.members, sets.nonmembers, sets.population, Duplicates(options.duplicates)
    )
    reconstruction = reconstruction_of(options.others, sets.members, options.rebuilt, options.defenses)
    if reconstruction.public is not None:
        disjoint(reconstruction.public, members)
    candidates, member, row = shuffled(members, nonmembers, seed)
    shadows, poisoned = _shadows(recipe, candidates, seed, resources)
    return Job(
        name=options.name or target.name,
        target=target,
        candidates=candidates,
        features=counted_tokens(target, candidates),
        member=member,
        row=row,
        threat=threat,
        attacks=attacks,
        data=_data_facts(Sets(members, nonmembers, population, aggregate=sets.aggregate), str(overlap)),
        policy=options.tolerated,
        seed=seed,
        recipe=recipe,
        population=population,
        shadows=shadows,
        poisoned=poisoned,
        resources=resources or Resources(),
        chain=chain_of(attacks, options.chain),
        detectors=checked_detectors(options.detectors),
        reconstruction=reconstruction,
        properties=properties_of(scope.properties(options.asked, sets.members), candidates),
        expect=options.expect,
        persons=sets.persons,
        aggregate=checked_aggregate(sets.aggregate),
        reference=reference_from(options, target, recipe),
    )


def properties_of(given: PropertyPlan | Sequence[str], records: Records) -> PropertyPlan:
    """What the property game is played on; raises InputError for what is no expression over these records."""
    plan = given if isinstance(given, PropertyPlan) else PropertyPlan(tuple(given))
    columns = columns_of(records) if plan.properties else {}
    for text in plan.properties:
        property_of(text).value(columns)
    return plan


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
    artifact_cache = tools.artifact_cache if tools is not None and reusable(recipe) else None

    def poisoned(beside: Records | None) -> Pool:
        return cast(Pool, ShadowTrainer(for_shadows(recipe), candidates, seed, artifact_cache, beside).pool)

    return poisoned(None), poisoned
