"""The record that is easiest to name: many trainings, half of them with it, and exact intervals for it alone.

An average over records says nothing of the one that stands out.  Here the trial is a training and not a record, so that
every figure belongs to one record (Ye et al. 2022, section 4; Krčo et al. 2024).  Which records are looked at is
decided on trainings of their own, so that the intervals hold although the worst was looked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from divulge.auditing.job import BoundRecipe
from divulge.claims.as_run import Found, Setting, Test, as_dict, as_run, of_recipe, of_records
from divulge.claims.record_trainings import Answered, MemberUnits, RecordGame, Resampled, same_data, units_in
from divulge.claims.record_words import as_tested, reasons_of
from divulge.core.errors import Impossible, InputError
from divulge.core.hashing import Array
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.results.audit_result import DataFacts
from divulge.core.results.estimate import Estimate, Rate
from divulge.core.results.finding import Verdict
from divulge.core.results.policy import Policy
from divulge.core.threat import Access, Asset, Knowledge, Task, ThreatModel
from divulge.data.arrays import from_arrays
from divulge.explain.neighborhood import neighborhood
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.targets_from import target_from
from divulge.stats.forecast.one_record import Counts, RecordAttack, counts, learned, weigh_record
from divulge.training.artifact_cache import ArtifactCache

FEWEST = 16
"""Trainings below which neither an attack nor a rate can be learned."""

MOST_RECORDS = 20

THREATS = {
    RecordGame.RESAMPLED: ThreatModel(
        "one record",
        "someone who knows the record, others like it, and how the model is trained, and sees its scores",
        frozenset({Access.SCORES}),
        frozenset({Knowledge.POPULATION, Knowledge.RECIPE}),
        assets=(Asset.MEMBERSHIP,),
    ),
    RecordGame.SAME: ThreatModel(
        "all records but one",
        "someone who knows all the training data but whether one record is in it, and how the model is trained, and "
        "sees its scores",
        frozenset({Access.SCORES}),
        frozenset({Knowledge.TRAINING_DATA, Knowledge.RECIPE}),
        assets=(Asset.MEMBERSHIP,),
    ),
}


class Rule(Enum):
    """How records are chosen.  EXPOSED: those whose presence moves the answers most, in the trainings from which the
    attack is learned.  OUTLIERS: those furthest from their neighbours (Meeus et al. 2023), without any training.
    NAMED: by whoever asks.
    """

    EXPOSED = "exposed"
    OUTLIERS = "outliers"
    NAMED = "named"


@dataclass(frozen=True)
class RecordPlan:
    """What decides the result, besides records, recipe and seed.  See `worst_record`."""

    rows: tuple[int, ...] = ()
    rule: Rule = Rule.EXPOSED
    candidates: int = 3
    game: RecordGame = RecordGame.RESAMPLED
    references: int = 64
    trials: int = 128
    tolerated: float = 0.05
    confidence: float = 0.95

    @property
    def records(self) -> int:
        """How many are looked at."""
        return len(self.rows) or self.candidates


@dataclass(frozen=True)
class RecordRisk:
    """One record.  row: among the members, as they were given.  advantage: TPR - FPR, with low and high.

    tpr, fpr: in how many trials it was named, of those with it and of those without it.  strict_tpr, strict_fpr: the
    same at a cut above which no model lay that had not seen it, of those that the attack was learned from.
    epsilon: no training with a smaller one could name it so well.  Intervals hold for all records that were looked at.
    """

    row: int
    label: str
    advantage: float
    low: float
    high: float
    tpr: Rate
    fpr: Rate
    strict_tpr: Rate
    strict_fpr: Rate
    epsilon: float
    p_value: float
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorstRecord:
    """records: those that were looked at, the worst first.  verdict: `leak` where the lower bound of one of them is
    above what is tolerated.  references, trials: trainings from which the attack was learned, and on which it was
    judged.  size: records in each of them.
    """

    verdict: str
    records: tuple[RecordRisk, ...]
    game: str
    rule: str
    references: int
    trials: int
    size: float
    tolerated: float
    confidence: float
    run: Path | None = field(default=None, compare=False, repr=False)

    @property
    def worst(self) -> RecordRisk:
        """The record with the largest lower bound."""
        return self.records[0]


def audited_records(
    recipe: Recipe,
    members: Records,
    others: Records | None = None,
    plan: RecordPlan | None = None,
    *,
    seed: int = 0,
    artifact_cache: ArtifactCache | None = None,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> WorstRecord:
    """See `worst_record`; of records and a recipe as divulge knows them.  With `members.groups` a record is a person
    with all their records, in a training or not.
    """
    plan = plan or RecordPlan()
    units = units_in(members)
    _check(plan, members, others, units)
    titles = {
        f"record_{number + 1}": f"The record in row {plan.rows[number]}" if plan.rows else f"Chosen record {number + 1}"
        for number in range(plan.records)
    }

    def setting() -> Setting:
        return Setting(
            name=f"worst record: {recipe.describe()}",
            threat=THREATS[plan.game],
            target=of_recipe(recipe, members.schema.task.value),
            data=_data(members, others),
            policy=Policy(confidence=plan.confidence),
            seed=seed,
            said={"plan": repr(plan)},
            recipe=recipe.describe(),
        )

    def play() -> tuple[WorstRecord, Found]:
        pool = Resampled(recipe, members, others, units, THREATS[plan.game], seed, artifact_cache)
        return _played(pool, plan, seed)

    test = Test("worst_record", "The record that is easiest to name", WorstRecord, play, "krco2024", titles=titles)
    found: WorstRecord = as_run(setting, [test], out, resume)[0]
    return found


def _data(members: Records, others: Records | None) -> DataFacts:
    if others is not None:
        return of_records(members, others)
    return replace(of_records(members, members), nonmembers=0, nonmember_persons=0)


def _check(plan: RecordPlan, members: Records, others: Records | None, units: MemberUnits) -> None:
    if min(plan.references, plan.trials) < FEWEST or plan.references % 2 or plan.trials % 2:
        raise InputError(
            f"{plan.references} references and {plan.trials} trials: give an even number of each, {FEWEST} at least, "
            "for half of them are trained with the record"
        )
    if not 1 <= plan.records <= min(MOST_RECORDS, len(units)):
        raise InputError(
            f"{plan.records} records: from 1 to {min(MOST_RECORDS, len(units))} can be looked at at once, since all "
            "share one error rate"
        )
    wrong = [row for row in plan.rows if not 0 <= row < len(members)]
    if wrong:
        raise InputError(f"there is no row {wrong[0]}: the members are rows 0 to {len(members) - 1}")
    if len({int(units.place[row]) for row in plan.rows}) < len(plan.rows):
        raise InputError("a record is named twice: name each row, or person, once")
    if not 0 <= plan.tolerated < 1:
        raise InputError(f"an advantage of {plan.tolerated:g} cannot be tolerated: it lies between 0 and 1")
    if plan.game is RecordGame.SAME and others is not None and len(others) == 0:
        raise InputError("others has no records: leave it out")


def _played(pool: Resampled, plan: RecordPlan, seed: int) -> tuple[WorstRecord, Found]:
    chosen = _chosen(pool, plan)
    trainings = plan.references + plan.trials
    if plan.game is RecordGame.SAME:
        answered = same_data(pool.recipe, pool.members, pool.units, trainings, chosen, seed)
    else:
        answered = pool.answered(trainings, chosen)
    taught, judged = answered.of(slice(plan.references)), answered.of(slice(plan.references, None))
    attacks = [learned(taught.signal[:, place], taught.inside[:, place]) for place in range(len(chosen))]
    tallies = [counts(a, judged.signal[:, place], judged.inside[:, place]) for place, a in enumerate(attacks)]
    unit = "person" if pool.units.several else "record"
    estimates = [weigh_record(tally, plan.tolerated, plan.confidence, len(chosen), unit) for tally in tallies]
    words = reasons_of(pool.members, pool.units, chosen)
    risks = [
        _risk(pool.members, int(pool.units.head[place]), estimate, tally, why)
        for place, estimate, tally, why in zip(chosen, estimates, tallies, words, strict=True)
    ]
    order = sorted(range(len(risks)), key=lambda place: (-risks[place].low, -risks[place].advantage))
    leak = any(each.low > plan.tolerated for each in risks)
    blind = all(each.detectable is None for each in estimates)
    verdict = Verdict.LEAK if leak else Verdict.NOT_MEASURABLE if blind else Verdict.NOT_FOUND
    result = WorstRecord(
        verdict=verdict.value,
        records=tuple(risks[place] for place in order),
        game=plan.game.value,
        rule=(Rule.NAMED if plan.rows else plan.rule).value,
        references=plan.references,
        trials=plan.trials,
        size=answered.size,
        tolerated=plan.tolerated,
        confidence=plan.confidence,
    )
    return result, _found(pool, result, risks, estimates, attacks, judged)


def _found(
    pool: Resampled,
    result: WorstRecord,
    risks: Sequence[RecordRisk],
    estimates: Sequence[Estimate],
    attacks: Sequence[RecordAttack],
    judged: Answered,
) -> Found:
    """What is kept of each record, in the order in which they were chosen."""

    def found() -> dict[str, Any]:
        return {
            f"record_{place + 1}": as_tested(
                result,
                risk,
                estimates[place],
                attacks[place].score(judged.signal[:, place]),
                judged.inside[:, place],
                pool.members,
                pool.units.several,
            )
            for place, risk in enumerate(risks)
        }

    return found


def _risk(members: Records, row: int, estimate: Estimate, tally: Counts, why: tuple[str, ...]) -> RecordRisk:
    y, classes = members.y[row], members.schema.classes
    label = str(classes[int(y)]) if members.schema.task is Task.CLASSIFICATION and classes else f"{float(y):.4g}"
    epsilon = next(d.value for d in estimate.details if d.name == "epsilon_at_least")
    return RecordRisk(
        row=row,
        label=label,
        advantage=tally.tpr.value - tally.fpr.value,
        low=float(estimate.low or 0.0),
        high=float(1.0 if estimate.high is None else estimate.high),
        tpr=tally.tpr,
        fpr=tally.fpr,
        strict_tpr=tally.strict_tpr,
        strict_fpr=tally.strict_fpr,
        epsilon=epsilon,
        p_value=float(estimate.p_value if estimate.p_value is not None else 1.0),
        why=why,
    )


def _chosen(pool: Resampled, plan: RecordPlan) -> list[int]:
    """Numbers of the units that are looked at; nothing of the trials is known yet."""
    if plan.rows:
        return [int(pool.units.place[row]) for row in plan.rows]
    if plan.rule is Rule.OUTLIERS:
        try:
            around = neighborhood(pool.members)
        except Impossible as reason:
            raise InputError(f"no record is far from others here: {reason}; choose rule 'exposed'") from reason
        around = around.of_persons(pool.units.place) if pool.units.several else around
        worth = around.outlier_rank
    else:
        worth = moved(pool.answered(plan.references, range(len(pool.units))))
    return [int(unit) for unit in np.argsort(-worth, kind="stable")[: plan.candidates]]


def moved(answered: Answered) -> Array:
    """By how many deviations the presence of a unit moves what models answer about it: [units].  The variance leans
    towards that of all units, as if each had two further trainings of an average one.
    """
    signal, inside = answered.signal, answered.inside
    means, deviations, many = [], np.zeros(signal.shape[1]), np.zeros(signal.shape[1])
    for arm in (inside, ~inside):
        number = np.maximum(arm.sum(axis=0), 1)
        mean = np.where(arm, signal, 0.0).sum(axis=0) / number
        deviations += np.where(arm, (signal - mean) ** 2, 0.0).sum(axis=0)
        many += number
        means.append(mean)
    usual = float(deviations.sum() / many.sum())
    spread = np.sqrt((deviations + 2 * usual) / (many + 2))
    return np.asarray((means[0] - means[1]) / np.maximum(spread, 1e-12))


def worst_record(
    recipe: Any,
    members: tuple[Any, Any],
    others: tuple[Any, Any] | None = None,
    *,
    rows: Sequence[int] = (),
    rule: str = "exposed",
    candidates: int = 3,
    game: str = "resampled",
    references: int = 64,
    trials: int = 128,
    tolerated: float = 0.05,
    confidence: float = 0.95,
    seed: int = 0,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> WorstRecord:
    """How well single records can be named, each by an attack of its own on many trainings, half of them with it.

    recipe: how the model is trained: a function train(x, y, seed) -> model, a TorchRecipe or an unfitted estimator.
    members, others: (x, y) pairs; records are chosen among the members, others make up the rest of a training.
    rows: which members, counted from 0; else `rule` chooses `candidates` of them, "exposed" or "outliers".
    game: "resampled", each training on another half of members and others, or "same", on all members, with the record
        and without it, where only the seed differs.
    references, trials: trainings on which records are chosen and attacks learned, and further ones on which they are
        judged.  "resampled" trains so many for all records together; "same" half as many, and as many again a record.
    tolerated: the advantage (TPR - FPR) that is no leak.
    out: the folder of a run that keeps what was found, with a report and a verdict for `divulge gate`; its path is then
        in the result's `run`.  None keeps none.
    resume: a run to go on with, begun with the same; one that came to its end is read.
    Raises InputError, with the cure, for input that cannot be used.
    """
    for name, value, kinds in (("rule", rule, ("exposed", "outliers")), ("game", game, ("resampled", "same"))):
        if value not in kinds:
            raise InputError(f"{name} {value!r} is unknown: choose {' or '.join(kinds)}")
    sets = from_arrays([members] if others is None else [members, others])
    bound = recipe_for(recipe, None, _RecipeAlone())  # type: ignore[arg-type]
    if bound is None:
        raise InputError("worst_record() needs a recipe: a function train(x, y, seed), a TorchRecipe or an estimator")
    if isinstance(bound, BoundRecipe):
        bound = BoundRecipe(bound.recipe, target_from, bound.trainer)
    plan = RecordPlan(
        tuple(int(row) for row in rows),
        Rule(rule),
        candidates,
        RecordGame(game),
        references,
        trials,
        tolerated,
        confidence,
    )
    rest = sets[1] if others is not None else None
    return audited_records(bound, sets[0], rest, plan, seed=seed, out=out, resume=resume)


class _RecipeAlone:
    """Stands for the audited model where only its recipe is known."""

    offers: frozenset[Access] = frozenset()
    task = Task.CLASSIFICATION


def as_json(result: WorstRecord) -> str:
    """For a machine to read."""
    return json.dumps(as_dict(result), indent=2)
