"""From an audit file to a job: models and records are loaded, pickles only when trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from divulge.auditing.job import Job
from divulge.auditing.resources import Resources
from divulge.core.boundary.watch import asking
from divulge.core.errors import InputError
from divulge.core.recipe import Recipe
from divulge.core.target import Target
from divulge.core.threat import Task
from divulge.data.files import existing
from divulge.setup.assemble import job_of
from divulge.setup.audit_file import AuditFile, DataPart
from divulge.setup.comparison import MatrixPlan
from divulge.setup.defended import named_defenses, under
from divulge.setup.from_table import job_from_table
from divulge.setup.settings import Options
from divulge.setup.sources.canaries_from import Canaries, marked
from divulge.setup.sources.recipes_from import recipe_from
from divulge.setup.sources.records_from import sets_in
from divulge.setup.sources.sets import Sets
from divulge.setup.sources.targets_from import target_in
from divulge.setup.sources.texts_from import reference_from
from divulge.targets.score_table import ScoreTable
from divulge.targets.wrappers.averaged import averaged


def job_from_file(
    audit: AuditFile, folder: Path, seed: int | None = None, shadows: int | None = None, tools: Resources | None = None
) -> Job:
    """The job that an audit file describes.  folder: what its paths are relative to."""
    options = audit.options(folder, seed=seed, shadows=shadows)
    options.checked()
    if audit.target.kind == "scores":
        path = existing(folder / audit.target.file, "target.path")
        return job_from_table(ScoreTable.load(path), options.changed(name=options.name or audit.target.file.stem))
    data = _data(audit, "data: is missing: which records were trained on, and which were not")
    keep = options.cache if tools is None else tools.artifact_cache is not None
    with asking():  # what a file of a model makes Python do may never come back
        target, factory = target_in(audit.target, folder, keep)
    asked = averaged(target, options.average)
    sets = sets_in(data, asked, options, folder)
    recipe = recipe_from(options.recipe, None, asked, tools, factory, folder)
    return job_of(target, sets, recipe, options, tools)


def matrix_from_file(
    audit: AuditFile, folder: Path, seed: int | None = None, tools: Resources | None = None
) -> tuple[MatrixPlan, list[list[Any]]]:
    """The plan of a comparison of defences, and the compositions, that an audit file describes; raises InputError
    where there is nothing to train with.
    """
    data = _data(audit, "defences are compared on models that divulge can train: a score table has none")
    options = audit.options(folder, seed=seed)
    target, factory = target_in(audit.target, folder)
    asked = averaged(target, options.average)
    sets = sets_in(data, asked, options, folder)
    recipe = recipe_from(options.recipe, None, asked, tools, factory, folder)
    if recipe is None:
        raise InputError("recipe: is missing: every row of a comparison of defences is a model trained anew")
    plan = MatrixPlan(asked, recipe, sets, options, audit.compare, tools or options.resources)
    return plan, [named_defenses(part) for part in audit.compare.defenses]


def target_and_sets(audit: AuditFile, folder: Path, seed: int) -> tuple[Target, Sets]:
    """The model and the records of an audit file, for a claim; raises InputError for a score table."""
    data = _data(audit, "a claim needs a model that answers, and `data`: a score table has no records to ask about")
    target, _ = target_in(audit.target, folder)
    return target, sets_in(data, target, _of_claim(audit, folder, seed), folder)


def reference_of(audit: AuditFile, folder: Path, target: Target) -> Target | None:
    """The language model that never saw the texts of a claim; None where there is none."""
    return reference_from(_of_claim(audit, folder, 0), target, None)


def recipe_and_sets(
    audit: AuditFile,
    folder: Path,
    seed: int,
    what: tuple[str, str] = ("testing a claimed epsilon", "trains the model anew, once, with canaries"),
    tools: Resources | None = None,
) -> tuple[Recipe, Sets]:
    """How the model of an audit file is trained, and its records.  what: is to be done, and how it trains.

    Raises InputError where there is no recipe.
    """
    data = _data(audit, f"{what[0]} needs a recipe and `data` to train with: a score table has neither")
    target, factory = target_in(audit.target, folder)
    options = _of_claim(audit, folder, seed)
    recipe = recipe_from(options.recipe, None, target, tools, factory, folder)
    if recipe is None:
        raise InputError(f"recipe: is missing: {what[0]} {what[1]}")
    sets = sets_in(data, target, options, folder)
    return under(target, recipe, named_defenses(audit.defenses), sets.population), sets


def canaries_from(audit: AuditFile, folder: Path, secret: Mapping[str, Any]) -> tuple[Target, Canaries]:
    """The model of an audit file, and the canaries of a secret as it can be asked about them; see `marked`."""
    target, _ = target_in(audit.target, folder)
    return target, marked(target, secret, audit.data, folder, audit.target.task)


def language_model_from(audit: AuditFile, folder: Path) -> Target:
    """The language model of an audit file; raises InputError for a model of another kind."""
    target, _ = target_in(audit.target, folder)
    if target.task is not Task.LANGUAGE:
        raise InputError(f"target: {target.name} is no language model, and secrets are written into texts")
    return target


def _data(audit: AuditFile, lacking: str) -> DataPart:
    if audit.data is None or audit.target.kind == "scores":
        raise InputError(lacking)
    return audit.data


def _of_claim(audit: AuditFile, folder: Path, seed: int) -> Options:
    """The settings of a claim, which asks about no property of all records together."""
    return audit.options(folder, seed=seed, properties=[])
