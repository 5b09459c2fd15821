"""Defences against attacks: one audit for each composition, each with shadow models of its own kind."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from divulge.auditing.job import BoundRecipe, Job
from divulge.catalog.attacks import attack_class
from divulge.core.errors import DivulgeError, InputError
from divulge.core.hashing import derived_rng, digest
from divulge.core.progress import Progress, Quiet
from divulge.core.recipe import Recipe
from divulge.core.results.audit_result import AuditResult
from divulge.core.results.estimate import Rate
from divulge.core.results.finding import Finding, Reading
from divulge.core.results.guarantee import Guarantee, Unbounded
from divulge.core.results.matrix import Cell, Matrix, MatrixColumn, MatrixRow
from divulge.core.results.metric import (
    ATTRIBUTE_ACCURACY,
    AUC,
    CLASSES_RECOGNIZED,
    FIDELITY,
    PARAMETERS_RECOVERED,
    PROPERTY_TOLD,
    RECORDS_REBUILT,
    tpr_at,
)
from divulge.core.results.trials import Scored
from divulge.core.target import Target
from divulge.core.threat import Access, Family, Task
from divulge.data.splits import Duplicates, separate
from divulge.defenses.guarantees import promised
from divulge.runs.folder import RunFolder
from divulge.runs.result import open_run
from divulge.setup.assemble import attacks_for, job_from_records
from divulge.setup.comparison import MatrixPlan
from divulge.setup.defended import RETRAINED, base_of, checked, defended, named_defenses
from divulge.setup.sources.sets import Sets
from divulge.setup.tuning import can_tune, tuned_dp_sgd
from divulge.stats.auc import auc
from divulge.stats.intervals import clopper_pearson
from divulge.workflows.helped import Audited, with_changes
from divulge.workflows.run_audit import run_audit

DEFAULT_ATTACKS = (
    *("learned_ratio", "label_only_noise", "attribute_learned", "inversion_network"),
    *("property_chosen", "knockoff"),
)
"""The default attack of each family, with a membership attack that needs no more than labels beside it."""

SHOWN = (AUC, ATTRIBUTE_ACCURACY, RECORDS_REBUILT, CLASSES_RECOGNIZED, PROPERTY_TOLD, FIDELITY, PARAMETERS_RECOVERED)
"""The measure of an attack that a column shows: the first of these that it has."""

BESIDE = {AUC: tpr_at(0.01)}
"""A measure that is shown beside it, for the attack on membership that comes first."""


def matrix(
    plan: MatrixPlan, compositions: Sequence[Sequence[Any]], folder: Path, progress: Progress | None = None
) -> Matrix:
    """One row for each composition of defences; what is in `folder` already is not played again.

    Raises InputError where a composition makes no sense, before anything is trained; a row that fails while it is
    measured says why, and the others go on.
    """
    if not compositions:
        raise InputError("there is nothing to compare: list compositions of defences, [] for none")
    for part in compositions:
        checked(plan.target, plan.recipe, part, plan.sets.population)
    progress = progress or Quiet()
    if len(compositions) > 1 and can_tune(plan.recipe, plan.target):
        assert isinstance(plan.recipe, BoundRecipe)
        told, seed = (plan.target, plan.recipe, plan.sets), plan.options.seed
        compositions = [*compositions, *([tuned_dp_sgd(*told, e, seed, folder)] for e in plan.compare.tuned)]
    names = [name_of(named_defenses(part)) for part in compositions]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise InputError(f"{twice!r} is listed twice: list it once")
    members, nonmembers, population, _ = separate(
        plan.sets.members, plan.sets.nonmembers, plan.sets.population, Duplicates(plan.options.duplicates)
    )
    clean = replace(plan.sets, members=members, nonmembers=nonmembers, population=population)
    laid = replace(
        plan,
        sets=with_canaries(clean, plan.compare.canaries, plan.options.seed),
        options=plan.options.changed(duplicates="keep"),
    )
    rows: list[tuple[MatrixRow, AuditResult | None, str]] = []
    progress.plan(len(names))
    for name, composition in zip(names, compositions, strict=True):
        progress.step(name)
        rows.append(_row(laid, clean, name, named_defenses(composition), folder))
    audited = [Audited(folder / slug(row.name), result) for row, result, _ in rows]
    counts = [round(plan.compare.canaries * len(part)) for part in (laid.sets.members, laid.sets.nonmembers)]
    return with_changes(_put_together(laid, rows), audited, (counts[0], counts[1]))


def name_of(defenses: Sequence[Any]) -> str:
    """A composition in a few words: names, and the settings that differ from the usual ones."""
    words = []
    for defense in defenses:
        names = []
        for key, value in vars(defense).items():
            about = type(defense).__dataclass_fields__[key]
            usual = about.default_factory() if callable(about.default_factory) else about.default
            if value != usual and key not in ("reference", "tried") and not key.startswith("_"):
                names.append(key if value is True else f"{key} {_short(value)}")
        words.append(defense.card.title + (f" ({', '.join(names)})" if names else ""))
    return " + ".join(words) or "none"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def with_canaries(sets: Sets, share: float, seed: int) -> Sets:
    """The sets, with the labels of the first `canary_counts` records of each made wrong by lot."""
    if share == 0 or sets.members.schema.task is not Task.CLASSIFICATION:
        return sets
    rng = derived_rng(seed, "canaries")
    wrong = []
    for records in (sets.members, sets.nonmembers):
        count, classes = round(share * len(records)), len(records.schema.classes)
        y = np.array(records.y)
        y[:count] = (y[:count] + rng.integers(1, classes, count)) % classes
        wrong.append(records.relabeled(y))
    return replace(sets, members=wrong[0], nonmembers=wrong[1])


def _row(
    plan: MatrixPlan, clean: Sets, name: str, defenses: Sequence[Any], folder: Path
) -> tuple[MatrixRow, AuditResult | None, str]:
    """One audit, or what is left of it to do, and what its models are trained by; without a result where the model
    could not be trained.
    """
    names = tuple(d.card.name for d in defenses)
    own = folder / slug(name)
    before = plan.resources.trainer.trained
    started = time.perf_counter()
    try:
        target, recipe = defended(
            plan.target, plan.recipe, defenses, plan.sets.members, plan.sets.population, plan.options.seed, anew=True
        )
    except DivulgeError as error:
        return MatrixRow(name, names, None, 0.0, (), failed=str(error)), None, name
    took = time.perf_counter() - started if plan.resources.trainer.trained > before else None
    job = _job(plan, target, recipe, defenses, name)
    run = run_audit(job, own, resume=(own / "run.json").is_file(), explain=False)
    result = open_run(own)
    spent = _spent(own, took, plan.resources.trainer.trained - before, time.perf_counter() - started)
    found = promised(defenses, plan.sets.members, base_of(recipe))
    bound = found if isinstance(found, Guarantee) else None
    row = MatrixRow(
        name=name,
        defenses=names,
        quality=_quality(target, clean, plan.compare.canaries),
        seconds=spent["training"],
        cells=(),
        canaries=_canaries(run, result, plan),
        private=bound is not None,
        interface=bool(defenses) and not any(d.card.stage in RETRAINED for d in defenses),
        epsilon=bound.epsilon if bound is not None else None,
        guarantee=bound,
        unbounded=found.why if isinstance(found, Unbounded) else "",
        models_trained=int(spent["models"]),
        audit_seconds=spent["all"],
    )
    bare = recipe.recipe if isinstance(recipe, BoundRecipe) else recipe
    return row, result, bare.fingerprint() if bare is not None else name


def slug(name: str) -> str:
    """The folder of a row."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] + "-" + digest(name)[:6]


def _spent(own: Path, training: float | None, models: int, seconds: float) -> dict[str, float]:
    """What a row cost over all calls: seconds of training its model (where that was not in the cache) and of all of it,
    and models trained.
    """
    kept = own / "row.json"
    spent: dict[str, float] = (
        json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {"models": 0, "all": 0.0}
    )
    spent["training"] = training if training is not None else spent.get("training", 0.0)
    spent["models"] += models
    spent["all"] += seconds
    kept.write_text(json.dumps(spent), encoding="utf-8")
    return spent


def _job(plan: MatrixPlan, target: Target, recipe: Recipe | None, defenses: Sequence[Any], name: str) -> Job:
    """A row is about attacks alone: what an audit would go on to is left out."""
    options = plan.options.changed(
        name=f"{plan.name}: {name}",
        attacks=_attacks(plan),
        defenses=list(defenses),
        detectors=[],
        chain=[],
        expect={},
    )
    return replace(job_from_records(target, plan.sets, options, recipe=recipe, resources=plan.resources), own=True)


def _attacks(plan: MatrixPlan) -> list[Any]:
    """Those named, or the default ones that something can be asked with: equal for all rows."""
    options = plan.options
    if options.attacks is not None:
        return attacks_for(options.chosen, plan.target, options.shadows, options.threat_model)
    asked = options.asked.properties
    schema = plan.sets.members.schema
    chosen = []
    for name in DEFAULT_ATTACKS:
        family = attack_class(name).card.family
        if family is Family.PROPERTY and not asked:
            continue
        if name == "attribute_learned" and not schema.sensitive:
            continue
        if name == "inversion_network" and not schema.is_image:
            continue
        chosen.append(name)
    return attacks_for(chosen, plan.target, options.shadows, options.threat_model)


def _quality(target: Target, clean: Sets, canaries: float) -> Reading | None:
    """Accuracy on records that were not seen and whose labels are right; for values one minus the relative error."""
    first = round(canaries * len(clean.nonmembers)) if clean.nonmembers.schema.task is Task.CLASSIFICATION else 0
    asked = clean.nonmembers.take(np.arange(first, len(clean.nonmembers)))
    predicted = target.answer(Access.LABEL, asked)
    if asked.schema.task is not Task.CLASSIFICATION:
        return None
    right = Rate(int((predicted == asked.y).sum()), len(asked))
    bounds = clopper_pearson(right, 0.05)
    return Reading(right.value, bounds.low, bounds.high)


def _canaries(run: RunFolder, result: AuditResult, plan: MatrixPlan) -> Cell | None:
    """The membership attack that comes first, among records with wrong labels alone."""
    counts = [round(plan.compare.canaries * len(r)) for r in (plan.sets.members, plan.sets.nonmembers)]
    played = [o.attack for o, _ in result.played() if o.game == Family.MEMBERSHIP.value]
    if min(counts) < 10 or not played or plan.sets.members.schema.task is not Task.CLASSIFICATION:
        return None
    frame = run.scores(played[0])
    limit = np.where(frame["member"], counts[0], counts[1])
    worst = frame[frame["row"].to_numpy() < limit]
    places = np.arange(len(worst))
    unit = worst["person"].to_numpy() if "person" in worst.columns else places
    area = auc(Scored(worst["score"].to_numpy(), worst["member"].to_numpy(dtype=bool), unit, places).by_unit())
    low, high = area.interval(1 - plan.options.tolerated.confidence)
    return Cell(
        Reading(area.value, low, high),
        Reading(2 * area.value - 1, 2 * low - 1, 2 * high - 1),
        family=Family.MEMBERSHIP.value,
    )


def _put_together(plan: MatrixPlan, rows: Sequence[tuple[MatrixRow, AuditResult | None, str]]) -> Matrix:
    results = [d for _, d, _ in rows if d is not None]
    columns = _columns(results)
    full = [
        replace(row, cells=tuple(_cell(result, column) for column in columns)) if result is not None else row
        for row, result, _ in rows
    ]
    played = [o.attack for d in results for o, _ in d.played() if o.game == Family.MEMBERSHIP.value]
    quality = results[0].facts.target.quality_name if results else "accuracy"
    return Matrix(
        name=plan.name,
        quality_name=quality,
        columns=tuple(columns),
        rows=tuple(full),
        canaries=round(plan.compare.canaries * len(plan.sets.members)),
        canary_attack=played[0] if played else "",
        models_trained=sum(row.models_trained for row in full),
        models_apart=sum(row.models_trained for row in full) + _shared(rows),
        seconds=sum(row.audit_seconds for row in full),
        confidence=plan.options.tolerated.confidence,
    )


def _shared(rows: Sequence[tuple[MatrixRow, AuditResult | None, str]]) -> int:
    """Models that attacks and rows used beyond the largest use of each pool: one a recipe and a family of attacks."""
    used: dict[tuple[str, str], list[int]] = {}
    for _, result, recipe in rows:
        for outcome, _played in result.played() if result is not None else ():
            used.setdefault((recipe, outcome.game), []).append(outcome.models_trained)
    return sum(sum(counts) - max(counts) for counts in used.values())


def _columns(results: Sequence[AuditResult]) -> list[MatrixColumn]:
    """One for each attack that ran in any row, in the order of the plan."""
    found: dict[tuple[str, str, str], MatrixColumn] = {}
    for result in results:
        for outcome, played in result.played():
            chosen = next((key for key in SHOWN if any(m.key == key for m in played.measurements)), None)
            if chosen is None:
                continue
            first = not any(c.family == Family.MEMBERSHIP.value for c in found.values())
            for metric in (chosen, BESIDE.get(chosen) if first else None):
                for m in played.measurements:
                    if m.key == metric:
                        column = MatrixColumn(outcome.attack, m.key, m.about, outcome.title, outcome.game)
                        found.setdefault((outcome.attack, m.key, m.about), column)
    return list(found.values())


def _cell(result: AuditResult, column: MatrixColumn) -> Cell:
    for outcome in result.outcomes:
        if outcome.attack == column.attack:
            why = getattr(outcome.result, "reason", "") or getattr(outcome.result, "error", "")
            if why:
                return Cell(why=why, verdict="refused" if hasattr(outcome.result, "reason") else "failed")
    sought = (column.attack, column.metric, column.about)
    found = next((f for f in result.findings if (f.attack, f.key, f.about) == sought), None)
    if found is None or found.value is None or found.low is None or found.high is None:
        return Cell(why=found.reason if found is not None else "not part of this run", verdict="not measurable")
    reading = Reading(found.value, found.low, found.high)
    return Cell(reading, _leak(found, reading), found.verdict.value, family=column.family)


def _leak(finding: Finding, reading: Reading) -> Reading:
    """Above chance, as a share of what would be possible."""
    room = max(1 - finding.chance, 1e-9)

    def over(value: float) -> float:
        return (value - finding.chance) / room

    low = over(reading.low)
    if finding.game == Family.RECONSTRUCTION.value and finding.advantage_low is not None:
        low = finding.advantage_low / room  # what was guessed without the model is uncertain too
    return Reading(over(reading.value), low, over(reading.high))
