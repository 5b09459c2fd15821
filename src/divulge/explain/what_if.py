"""Causes that belong to the model as a whole, measured by looking at it, or training it, otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from divulge.auditing.job import Job
from divulge.auditing.oracle import GrantedOracle
from divulge.core.capability.declared import able
from divulge.core.capability.recipes import knobs_of
from divulge.core.capability.targets import CountsParameters
from divulge.core.errors import DivulgeError
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.persons import half_of_persons
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.results.audit_result import WhatIf
from divulge.core.results.trials import Scored
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Task
from divulge.core.wording import counted, percent
from divulge.stats.auc import auc

TRAININGS = 4
"""Models of either kind; their spread is the error of the difference."""


def what_if(job: Job, fits: Callable[[int], bool] = lambda models: True) -> tuple[WhatIf, ...]:
    """Generalisation gap, capacity for so much data, number of classes: how much of the loss attack's advantage each
    accounts for; then the knobs of the recipe: what is left when each is turned, and what it costs.  Empty where no
    model can be trained, or none answers with scores.

    fits: whether there is time to train so many models; what needs more is left out.
    """
    recipe = job.recipe
    usable = Access.SCORES in job.target.offers and job.threat.grants(Access.SCORES)
    if recipe is None or job.shadows is None or not usable or job.target.task is not Task.CLASSIFICATION:
        return ()
    try:
        return tuple(_measured(job, fits))
    except DivulgeError:
        return ()


def _measured(job: Job, fits: Callable[[int], bool]) -> Iterator[WhatIf]:
    records, classes = job.candidates, len(job.candidates.schema.classes)
    if not fits(TRAININGS):
        return
    assert job.shadows is not None
    shadows = job.shadows(TRAININGS, lambda t: GrantedOracle(t, job.threat, Access.SCORES, free=True))
    seen = shadows.trained_on(records)
    answers = [shadows.oracle(model).log_scores(records) for model in range(TRAININGS)]
    before = np.array([_advantage(a, records, mine) for a, mine in zip(answers, seen, strict=True)])
    right = np.array([a.argmax(axis=1) == records.y for a in answers])
    inside = np.array([r[mine].mean() for r, mine in zip(right, seen, strict=True)])
    outside = np.array([r[~mine].mean() for r, mine in zip(right, seen, strict=True)])
    yield _row(
        "generalisation gap",
        f"right on {percent(float(inside.mean()))} of the members and {percent(float(outside.mean()))} of the others; "
        "without the gap an attack has only shades of confidence to go by",
        before,
        before - (inside - outside),
        "regularise, stop earlier, or augment the data until both accuracies meet",
    )
    if fits(TRAININGS):
        yield _with_half_the_records(job, seen, before)
    if classes > 2 and fits(TRAININGS):
        yield _with_two_classes(job, seen, before)
    for words, recipe in knobs_of(job.recipe):
        if not fits(TRAININGS):
            return
        outcome = _outcome_of(_answers(job, recipe, records, seen, f"knob {words}"), records, seen)
        yield _row(
            words,
            f"on unseen records {_points(outside, outcome.right)}",
            before,
            outcome.advantage,
            f"train with {words}",
        )


def _with_half_the_records(job: Job, seen: Array, before: Array) -> WhatIf:
    quarter = np.array([_half_of(job, model, mine) for model, mine in enumerate(seen)])
    small = np.array(_trained(job, job.candidates, quarter, seen, "fewer records"))
    parameters = job.target.parameters if able(job.target, CountsParameters) else None
    size = f"{counted(parameters, 'parameter')} for " if parameters else "a model of this size for "
    return _row(
        "capacity for so few records",
        f"{size}{counted(int(job.member.sum()), 'record')}; compared with training on half as many",
        small,
        before,
        "train on more records, or with a smaller model",
    )


def _with_two_classes(job: Job, seen: Array, before: Array) -> WhatIf:
    records, classes = job.candidates, len(job.candidates.schema.classes)
    merged = records.relabeled(np.where(records.y < classes / 2, 0, 1))
    return _row(
        "number of classes",
        f"{classes} classes; compared with merging them into two",
        before,
        np.array(_trained(job, merged, seen, seen, "two classes")),
        "merge classes that need not be told apart",
    )


@dataclass(frozen=True)
class _Outcome:
    """Of several models: the advantage of the loss attack, and the accuracy on records they did not learn from."""

    advantage: Array
    right: Array


def _outcome_of(answers: list[Array], records: Records, seen: Array) -> _Outcome:
    advantage = [_advantage(a, records, mine) for a, mine in zip(answers, seen, strict=True)]
    right = [float((a.argmax(axis=1) == records.y)[~mine].mean()) for a, mine in zip(answers, seen, strict=True)]
    return _Outcome(np.array(advantage), np.array(right))


def _answers(job: Job, recipe: Recipe, records: Records, keep: Array, name: str) -> list[Array]:
    """What models of another recipe say of all records, each trained on its row of `keep`."""
    seeds = [derived_seed(job.seed, "what if", name, str(model)) for model in range(len(keep))]
    found = dict(recipe.train_many(records, keep, seeds))
    return [found[model].answer(Access.SCORES, records) for model in range(len(keep))]


def _points(before: Array, after: Array) -> str:
    """'accuracy -0.6 points (91.2 % to 90.6 %)'."""
    a, b = 100 * float(before.mean()), 100 * float(after.mean())
    return f"accuracy {b - a:+.1f} points ({a:.1f} % to {b:.1f} %)"


def _row(name: str, measured: str, before: Array, after: Array, advice: str) -> WhatIf:
    """Means and standard errors; the share is kept between 0 and 1."""
    a, b = float(before.mean()), float(after.mean())
    errors = [float(v.std(ddof=1) / np.sqrt(len(v))) for v in (before, after)]
    share = float(np.clip(1 - b / a, 0.0, 1.0)) if a > 0 else 0.0
    return WhatIf(name, measured, a, errors[0], b, errors[1], share, advice)


def _half_of(job: Job, model: int, mine: Array) -> Array:
    rng = derived_rng(job.seed, "what if, fewer records", str(model))
    half, rows, groups = np.zeros(len(mine), dtype=bool), np.flatnonzero(mine), job.candidates.groups
    half[rng.permutation(rows)[: len(rows) // 2] if groups is None else rows[half_of_persons(groups[rows], rng)]] = True
    return half


def _trained(job: Job, records: Records, keep: Array, seen: Array, name: str) -> list[float]:
    """Advantages of the loss attack on models trained on `keep`, strangers being those that `seen` leaves out."""
    assert job.recipe is not None
    seeds = [derived_seed(job.seed, "what if", name, str(model)) for model in range(len(keep))]
    found = [0.0] * len(keep)
    for number, target in job.recipe.train_many(records, keep, seeds):
        about = keep[number] | ~seen[number]
        part = records.take(about)
        found[number] = _advantage(target.answer(Access.SCORES, part), part, keep[number][about])
    return found


def _advantage(log_scores: Array, records: Records, member: Array) -> float:
    index = np.arange(len(records))
    unit = index if records.groups is None else records.groups
    return 2 * auc(Scored(logit_scaled(log_scores, records.y), member, unit, index).by_unit()).value - 1
