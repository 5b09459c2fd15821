"""From an audit file to a job: models and records are loaded, pickles only when trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from divulge.auditing.answers import bare
from divulge.auditing.job import Job
from divulge.auditing.resources import Resources
from divulge.catalog.attacks import attack
from divulge.core.attack import Attack
from divulge.core.errors import InputError, MissingExtra
from divulge.core.hashing import derived_rng
from divulge.core.property_expression import named_in
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Task
from divulge.data.arrays import from_arrays, from_frames
from divulge.data.delimited import Reading, as_fitted
from divulge.data.files import existing, read_arrays, read_table, read_update
from divulge.data.pairs import used
from divulge.data.sources import SOURCES
from divulge.data.splits import split
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan
from divulge.setup.assemble import (
    Sets,
    attacks_for,
    job_from_records,
    met,
    recipe_for,
    reconstruction_of,
    target_from,
    threat_from,
)
from divulge.setup.audit_file import AuditFile, DataPart, RecipePart, TargetPart, ThreatPart
from divulge.setup.defended import defended, defended_name, named_defenses, under
from divulge.setup.from_table import job_from_table
from divulge.setup.labels import labels_of
from divulge.setup.persons import Labels, columns_apart, labels_of_arrays, with_groups
from divulge.setup.scope import scope_of
from divulge.setup.user_code import built_by, factory_from, modules_beside
from divulge.targets.estimators.fitted_table import fitted_columns, fitted_kinds
from divulge.targets.pickles import load_trusted
from divulge.targets.score_table import ScoreTable
from divulge.targets.wrappers.averaged import averaged
from divulge.training.artifact_cache import default_folder


def job_from_file(
    audit: AuditFile, folder: Path, seed: int | None = None, shadows: int | None = None, tools: Resources | None = None
) -> Job:
    """The job that an audit file describes.  folder: what its paths are relative to."""
    seed = audit.seed if seed is None else seed
    scope = scope_of(audit.attacks, audit.families, audit.minutes)
    threat = audit.threat.model() if isinstance(audit.threat, ThreatPart) else threat_from(audit.threat)
    policy = audit.tolerated(folder)
    chosen = _chosen(audit)
    if audit.target.kind == "scores":
        table = ScoreTable.load(existing(folder / audit.target.file, "target.path"))
        how = audit.data.aggregate if audit.data is not None else "mean"
        job = job_from_table(table, threat, chosen, policy, seed, audit.name or audit.target.file.stem, how)
        return replace(job, expect=audit.data.expect if audit.data is not None else {})
    if audit.data is None:
        raise InputError("data: is missing: which records were trained on, and which were not")
    target, factory = _target(audit.target, folder)
    sets = met(target, _sets(audit.data, target, folder, seed, named_in(audit.property.properties)))
    made = recipe_for(_recipe(audit.recipe, factory, folder), None, target, tools)
    asked = target = averaged(_encrypted(audit.target, target, sets), audit.target.average)
    chosen_defenses = named_defenses(audit.defenses)
    target, made = defended(target, made, chosen_defenses, sets.members, sets.population, seed)
    job = job_from_records(
        target,
        sets,
        threat=threat,
        recipe=made,
        attacks=attacks_for(chosen, target, shadows or audit.shadows, threat, scope.families),
        policy=policy,
        duplicates=audit.data.duplicates,
        seed=seed,
        name=audit.name or defended_name(target.name, chosen_defenses),
        resources=tools,
        chain=audit.chain,
        detectors=audit.detectors,
        reconstruction=reconstruction_of(
            _public(audit.data, folder), sets.members, _plan(audit, folder), chosen_defenses
        ),
        properties=scope.properties(_properties(audit), sets.members),
    )
    ours = bare(target) is not asked
    return replace(job, asked=scope.asked(chosen, job.attacks), expect=audit.data.expect, own=ours)


def matrix_from_file(audit: AuditFile, folder: Path, seed: int | None = None, tools: Resources | None = None) -> Any:
    """The plan of a comparison of defences, and the compositions, that an audit file describes; raises InputError
    where there is nothing to train with.
    """
    from divulge.setup.comparison import MatrixPlan

    if audit.data is None or audit.target.kind == "scores":
        raise InputError("defences are compared on models that divulge can train: a score table has none")
    seed = audit.seed if seed is None else seed
    target, factory = _target(audit.target, folder)
    sets = met(target, _sets(audit.data, target, folder, seed, named_in(audit.property.properties)))
    made = recipe_for(_recipe(audit.recipe, factory, folder), None, target, tools)
    if made is None:
        raise InputError("recipe: is missing: every row of a comparison of defences is a model trained anew")
    plan = MatrixPlan(
        target,
        made,
        sets,
        audit.threat.model() if isinstance(audit.threat, ThreatPart) else threat_from(audit.threat),
        audit.name or target.name,
        attacks=_chosen(audit),
        policy=audit.tolerated(folder),
        properties=_properties(audit),
        reconstruction=_plan(audit, folder),
        public=_public(audit.data, folder),
        canaries=audit.compare.canaries,
        tuned=tuple(audit.compare.tuned),
        shadows=audit.shadows,
        seed=seed,
        duplicates=audit.data.duplicates,
        resources=tools or Resources(),
    )
    return plan, [named_defenses(part) for part in audit.compare.defenses]


def _public(part: DataPart, folder: Path) -> Any:
    return None if part.public is None else read_arrays(existing(folder / part.public, "data.public"), "data.public")


def _plan(audit: AuditFile, folder: Path) -> RebuildPlan:
    told = audit.reconstruction
    captured = None
    if told.update is not None:
        captured = read_update(
            existing(folder / told.update, "reconstruction.update"), told.steps, told.rate, told.epochs
        )
    wire = told.clients, told.secure, told.sees
    return RebuildPlan(
        told.trials, told.batch, told.steps, told.rate, told.layer, told.asked, captured, *wire, told.epochs
    )


def _properties(audit: AuditFile) -> PropertyPlan:
    told = audit.property.model_dump()
    values = told.pop("values")
    properties = tuple(told.pop("properties"))
    return PropertyPlan(properties, tuple(values) if values is not None else None, **told)


def target_and_sets(audit: AuditFile, folder: Path, seed: int) -> tuple[Target, Sets]:
    """The model and the records of an audit file, for a claim; raises InputError for a score table."""
    if audit.data is None or audit.target.kind == "scores":
        raise InputError("a claim needs a model that answers, and `data`: a score table has no records to ask about")
    target, _ = _target(audit.target, folder)
    return target, met(target, _sets(audit.data, target, folder, seed))


def recipe_and_sets(audit: AuditFile, folder: Path, seed: int) -> tuple[Recipe, Sets]:
    """How the model of an audit file is trained, and its records; raises InputError where there is no recipe."""
    if audit.data is None or audit.target.kind == "scores":
        raise InputError("testing a claimed epsilon needs a recipe and `data` to train with: a score table has neither")
    target, factory = _target(audit.target, folder)
    recipe = recipe_for(_recipe(audit.recipe, factory, folder), None, target)
    if recipe is None:
        raise InputError("recipe: is missing: testing a claimed epsilon trains the model anew, once, with canaries")
    sets = _sets(audit.data, target, folder, seed)
    chosen = named_defenses(audit.defenses)
    return under(target, recipe, chosen, sets.population), sets


def canaries_from(audit: AuditFile, folder: Path, secret: dict[str, Any]) -> tuple[Target, Records]:
    """The model of an audit file, and the canaries of a secret as records that it can be asked about."""
    target, _ = _target(audit.target, folder)
    classes = getattr(target, "classes", None) or secret["labels"]
    frame = as_fitted(pd.DataFrame(secret["canaries"]), fitted_kinds(getattr(target, "estimator", None)))
    if audit.target.kind == "sklearn":
        (records,) = from_frames([frame], target=secret["target"], classes=classes, task=target.task)
        return target, records
    x = frame.drop(columns=secret["target"]).to_numpy(dtype=float)
    (records,) = from_arrays([(x, frame[secret["target"]].to_numpy())], classes=classes, task=target.task)
    return target, records


def _chosen(audit: AuditFile) -> list[str | Attack[Any, Any]] | None:
    if audit.attacks is None:
        return None
    chosen: list[str | Attack[Any, Any]] = []
    for item in audit.attacks:
        if isinstance(item, str):
            chosen.append(item)
        else:
            chosen += [attack(name, **settings) for name, settings in item.items()]
    return chosen


def _target(part: TargetPart, folder: Path) -> tuple[Target, Callable[[], Any] | None]:
    if part.kind == "http":
        return service_from(part), None
    path = existing(folder / part.file, "target.path")
    task = Task(part.task) if part.task is not None else None
    if part.kind == "onnx":
        if task is None:
            return target_from(path, part.name), None
        from divulge.targets.networks.onnx import OnnxTarget

        return OnnxTarget(path, task=task, name=part.name), None
    if part.kind == "sklearn":
        trusted = modules_beside(part.trusted_modules, part.modules, folder) if part.trust else ()
        return target_from(load_trusted(path, part.trust, trusted), part.name), None
    try:
        from divulge.targets.networks.pytorch import TorchTarget
        from divulge.targets.networks.torch_files import load_weights
    except ModuleNotFoundError as error:
        raise MissingExtra("torch", "torch") from error
    factory = factory_from(part.factory, folder) if part.factory is not None else None
    built = built_by(factory, part.factory or "") if factory is not None else None
    trusted = modules_beside(part.trusted_modules, part.modules, folder) if part.trust else ()
    module = load_weights(built, path, part.trust, trusted)
    how: dict[str, Any] = {"task": task, "output": part.output, "pick": part.pick, "name": part.name or path.stem}
    return TorchTarget(module, **how), factory


def _encrypted(part: TargetPart, target: Target, sets: Sets) -> Target:
    """The same model, asked under encryption where the file says so."""
    if part.encrypted is None:
        return target
    from divulge.targets.services.encrypted import EncryptedTarget

    return EncryptedTarget(target, part.encrypted, sets.population if sets.population is not None else sets.nonmembers)


def service_from(part: TargetPart) -> Target:
    """The service that an audit file describes, with its answers kept on disk."""
    assert part.service is not None
    try:
        from divulge.targets.services.http import HttpTarget, Service
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "httpx", "http") from error
    from divulge.targets.services.http_bodies import body_from

    told = part.service
    service = Service(
        told.url,
        body_from(told.preset, told.request, told.response),
        headers=told.headers,
        batch=told.batch,
        timeout=told.timeout,
        tries=told.tries,
        rate=told.rate,
        concurrency=told.concurrency,
    )
    task = Task(part.task or Task.CLASSIFICATION.value)
    kept = default_folder() / "http.sqlite"
    return HttpTarget(service, classes=told.classes, task=task, name=part.name, cache=kept)


def _sets(part: DataPart, target: Target, folder: Path, seed: int, keep: Sequence[str] = ()) -> Sets:
    if part.source is not None:
        return _from_source(part, seed)
    paths: list[tuple[str, Path]] = []
    for name in ("members", "nonmembers", "population"):
        value = getattr(part, name)
        if isinstance(value, int):
            raise InputError(f"data.{name}: {value} is a number: name a file of records, or give `source` as well")
        if value is not None:
            paths.append((name, folder / value))
    labels: Labels | None = None
    if all(path.suffix == ".npz" for _, path in paths):
        pairs = [read_arrays(path, f"data.{name}") for name, path in paths]
        classes = labels_of(target, pairs, part.classes)
        labels = labels_of_arrays(paths, part.groups)
        sets = from_arrays(pairs, classes=classes, task=target.task, sensitive=part.sensitive)
    else:
        model = getattr(target, "estimator", None)
        reading = Reading(part.separator, part.encoding, part.dtypes, fitted_kinds(model))
        tables = {name: read_table(path, f"data.{name}", reading) for name, path in paths}
        named = [name for name in (part.target, part.groups) if name is not None]
        kept = (*part.sensitive, *keep, *named)
        there = part.target is not None and all(name in table for table in tables.values() for name in named)
        frames = list((used(tables, fitted_columns(model), kept) if there else tables).values())
        if part.target is None:
            raise InputError(
                "data.target: is missing: which column is predicted? The columns are "
                + ", ".join(map(str, frames[0].columns[:12]))
            )
        if part.groups is not None:
            frames, labels = columns_apart(frames, part.groups, target, "data.groups")
        told = [(f.drop(columns=part.target), f[part.target]) for f in frames if part.target in f.columns]
        classes = labels_of(target, told, part.classes) if len(told) == len(frames) else None
        sets = from_frames(frames, target=part.target, classes=classes, task=target.task, sensitive=part.sensitive)
    return with_groups(Sets(sets[0], sets[1], sets[2] if len(sets) > 2 else None), labels, part.aggregate)


def _from_source(part: DataPart, seed: int) -> Sets:
    if part.groups is not None:
        raise InputError("data.groups: a named source has one record a person: leave it out, or give files")
    if part.source not in SOURCES:
        raise InputError(f"data.source: {part.source!r} is unknown: choose one of {', '.join(SOURCES)}")
    sizes = [getattr(part, name) or 0 for name in ("members", "nonmembers", "population")]
    if not all(isinstance(size, int) for size in sizes) or min(sizes[:2]) < 1:
        raise InputError("data: with `source`, members and nonmembers are numbers of records, 1000 say")
    records = SOURCES[part.source or ""]()
    parts = split(records, tuple(sizes), derived_rng(seed, "split"))
    return Sets(parts[0], parts[1], parts[2] if sizes[2] else None)


def _recipe(part: RecipePart, factory: Callable[[], Any] | None, folder: Path) -> Any:
    if part.kind == "none":
        return None
    if part.kind in ("auto", "chosen"):
        return part.kind
    if part.factory is not None:
        factory = factory_from(part.factory, folder, "recipe.factory")
    if factory is None:
        raise InputError(f"recipe.factory: is missing: recipe.kind {part.kind} needs a function that builds the model")
    if part.kind == "sklearn":
        return built_by(factory, part.factory or "", "recipe.factory")
    from divulge.training.recipes.augment import Augmentation
    from divulge.training.recipes.pytorch import Optimiser, Schedule, TorchRecipe

    return TorchRecipe(
        factory,
        epochs=part.epochs,
        batch_size=part.batch_size,
        learning_rate=part.learning_rate,
        optimiser=Optimiser(part.optimiser),
        weight_decay=part.weight_decay,
        momentum=part.momentum,
        schedule=Schedule(part.schedule),
        augmentation=Augmentation[part.augmentation.upper()],
    )
