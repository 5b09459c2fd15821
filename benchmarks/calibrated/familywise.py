"""One test for a whole audit: how often does one in which nothing leaks accuse, what is found that Holm's correction
would have found, and do bounds of the strongest attack hold although it was picked?

Models that know nothing of their members are attacked by every attack that a score table allows, eight ways to draw
the members.  An audit counts as a false accusation where any corrected p-value is at most 5 %, whatever else stands
between that and a verdict.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import divulge
from divulge.auditing.oracle import Memory
from divulge.auditing.plan import plan
from divulge.auditing.run_attack import play_arm
from divulge.auditing.sessions import Sessions
from divulge.core.capability.attacks import shadows_of
from divulge.core.errors import Impossible
from divulge.core.game import Arm
from divulge.core.hashing import Array
from divulge.core.results.estimate import Rate
from divulge.core.results.metric import BALANCED_ACCURACY
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.runs.files.evidence_files import table_of
from divulge.runs.together import null_of, split_of
from divulge.setup.from_objects import job_from_objects
from divulge.setup.settings import Options
from divulge.stats.auc import auc
from divulge.stats.intervals import clopper_pearson
from divulge.stats.many.familywise import Null, common_level, step_down
from divulge.stats.many.multiplicity import holm
from divulge.stats.many.rerandomized import METRICS, Ranked, Split, log_chances
from divulge.stats.scored import weigh_scored
from harness import Row

FIRST, DRAWS = 39, 199
"""Splits drawn anew: where more than a twentieth of all have been as telling among the first, no audit accuses, and the
others are not drawn, which alters nothing.
"""

SHADOWS = 8
LEVEL = 0.05
RARELY, LEARNED = 8, ("shokri", "learned_ratio", "ml_leaks_shadow")
"""One audit of so many plays these too, whose training would be most of the work."""

LIKELY = 0.01
"""Of metrics that are corrected one by one: where no p-value of knowing nothing is as small as that, and the test
itself finds nothing, an attack is not weighed, for a tolerance only makes p-values larger."""


@dataclass(frozen=True)
class Design:
    """How members were drawn.  records: of both arms, of persons with `rows` records each.  members: of them."""

    name: str
    records: int = 200
    members: int | None = None
    rows: int = 1
    classes: int = 3
    rounded: bool = False
    regression: bool = False


DESIGNS = (
    Design("independent"),
    Design("paired"),
    Design("exact half"),
    Design("grouped", rows=4),
    Design("5 v. 2,000", records=2005, members=5),
    Design("stratified", classes=4),
    Design("ties", rounded=True),
    Design("regression", regression=True),
)


def memberships(design: Design, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Which model was trained on what, bool [models, records], classes [records] and persons [records]."""
    persons = np.repeat(np.arange(design.records // design.rows), design.rows)
    count = int(persons.max()) + 1
    keep = rng.random((SHADOWS + 1, count)) < 0.5
    if design.name in ("paired", "5 v. 2,000"):
        keep[2::2] = ~keep[1:-1:2]
    if design.name == "exact half":  # an even number of models, each record in half of them
        keep = rng.random((SHADOWS, count)).argsort(axis=0).argsort(axis=0) < SHADOWS // 2
    if design.members is not None:
        keep[0] = rng.permutation(count) < design.members
    y = rng.integers(0, design.classes, design.records)
    if design.name == "stratified":
        y = rng.permutation(np.arange(design.records) % design.classes)
        for number in range(design.classes):
            own = np.flatnonzero(y == number)
            keep[0, own] = rng.permutation(len(own)) < len(own) // 2
    return keep[:, persons], y, persons


def job_of(design: Design, seed: int) -> Any:
    """An audit of a model in which nothing leaks; its shadow models do remember what they were trained on."""
    rng = np.random.default_rng(seed)
    options = Options(seed=seed)
    if design.regression:
        return _regression(design, rng, options)
    keep, y, persons = memberships(design, rng)
    logits = rng.normal(size=(len(keep), design.records, design.classes))
    shared = rng.normal(size=(int(persons.max()) + 1, design.classes))
    right = np.eye(design.classes)[y]
    logits += shared[persons] + 0.7 * right * np.where(keep, 2, 1)[:, :, None]
    logits[0] -= 0.7 * right * keep[0][:, None]
    groups = persons if design.rows > 1 else None
    table = divulge.ScoreTable(np.round(logits) if design.rounded else logits, None, keep, y, groups=groups)
    return job_from_objects(table, (), options)


def _regression(design: Design, rng: np.random.Generator, options: Options) -> Any:
    """A regressor trained on none of the records, and shadow models of its kind."""
    from sklearn.neighbors import KNeighborsRegressor

    x = rng.normal(size=(2 * design.records, 3))
    y = x @ np.ones(3) + rng.normal(size=len(x))
    third = design.records // 2
    model = KNeighborsRegressor(3).fit(x[2 * third :], y[2 * third :])
    pairs = [(x[:third], y[:third]), (x[third : 2 * third], y[third : 2 * third]), None]
    return job_from_objects(model, pairs, options)


def played(job: Any, without: tuple[str, ...] = ()) -> tuple[dict[str, Scored], set[str]]:
    """The scores of every attack that this adversary can run, but for some, and which of them depend on who was a
    member through shadow models too.
    """
    sessions, found, bound = Sessions(job, 1, Memory()), {}, set()
    for step in plan(job):
        if step.lacks or step.card.name in without:
            continue
        session = sessions.of(step.card)
        try:
            (dealt,) = session.rounds(Arm.TARGET, session.poison(step.attack))
            oracle = session.oracle(dealt.target, step.attack, free=False)
            evidence, _ = play_arm(session, step.attack, Arm.TARGET, oracle)
        except Impossible:
            continue
        found[step.card.name] = evidence.scored
        if job.shadows_tell and shadows_of(step.attack):
            bound.add(step.card.name)
    return found, bound


def accuses(job: Any, without: tuple[str, ...] = ()) -> bool:
    """Whether any finding of an audit survives the correction."""
    scores, bound = played(job, without)
    frames = {name: table_of(s, job.row[s.trial], job.candidates.y[s.trial]) for name, s in scores.items()}
    classes = job.target.task.value == "classification"
    split, ranked = split_of(frames, job.seed, job.aggregate, classes)
    names = list(ranked)
    column = {name: number for number, name in enumerate(each for each in names if each not in bound)}
    kept = np.repeat([name in column for name in names], len(METRICS))
    balanced = np.arange(len(kept)) % len(METRICS) == METRICS.index(BALANCED_ACCURACY)
    drawn = np.hstack(log_chances(split, [ranked[name] for name in names], FIRST))
    likely = (np.exp(drawn[0]) <= LIKELY) & (~kept | balanced)
    as_small = int((drawn[1:, kept].min(axis=1, initial=0.0) <= drawn[0, kept].min(initial=0.0) + 1e-9).sum())
    if as_small > LEVEL * (1 + DRAWS) - 1 and not likely.any():
        return False
    more = replace(split, seed=split.seed + 1)
    rest = np.hstack(log_chances(more, [ranked[name] for name in names], DRAWS - FIRST))[1:]
    null = null_of(np.vstack([drawn, rest])[:, kept])
    weighed = likely.reshape(len(names), -1).any(axis=1)
    if step_down(np.exp(drawn[0, kept]), np.arange(len(null.seen)), null).min() <= LEVEL:
        weighed[:] = True
    p_values, columns = [], []
    for name, needed in zip(names, weighed, strict=True):
        found = {e.metric: e.p_value for e in weigh_scored(scores[name], Policy())} if needed else {}
        for place, metric in enumerate(METRICS):
            p = found.get(metric, None if needed else 1.0)
            if p is not None:
                p_values.append(p)
                columns.append(column[name] * len(METRICS) + place if name in column else -1)
    return bool(p_values) and bool(step_down(np.array(p_values), np.array(columns), null).min() <= LEVEL)


def null_audits(audits: Callable[[Design], int]) -> Iterator[Row]:
    """False accusations by design."""
    for place, design in enumerate(DESIGNS):
        number = audits(design)
        wrong = sum(
            accuses(job_of(design, 10_000 * place + seed), () if seed % RARELY == 0 else LEARNED)
            for seed in range(number)
        )
        low, high = clopper_pearson(Rate(wrong, number), 0.05)
        yield Row(f"false accusations of {number}, {design.name}", wrong / number, low, high)
        yield Row("  ... 95 % interval begins at", low, bar=LEVEL, better="below")


def knowing_nothing(audits: int) -> Iterator[Row]:
    """The test itself, without the tolerance of a policy: it is to use its error rate, and not to exceed it."""
    rng, wrong = np.random.default_rng(1), 0
    for number in range(audits):
        member, shared = rng.permutation(100) < 40, rng.normal(size=100)
        scores = [np.round(shared + rng.normal(size=100), 1) for _ in range(6)]
        drawn = drawn_for(member, scores, number)
        null = Null(drawn[1:], drawn[0])
        wrong += step_down(np.exp(drawn[0]), np.arange(drawn.shape[1]), null).min() <= LEVEL
    low, high = clopper_pearson(Rate(int(wrong), audits), 0.05)
    yield Row("rejections where nothing is known, no tolerance", wrong / audits, low, high)
    yield Row("  ... 95 % interval begins at", low, bar=LEVEL, better="below")
    yield Row("  ... and ends at", high, bar=LEVEL)


def drawn_for(member: Array, scores: list[Array], seed: int, draws: int = 199) -> Array:
    """Log p-values of all metrics of some attacks, the split itself first: [1 + draws, attacks x metrics]."""
    places = np.arange(len(member))
    attacks = [Ranked(np.unique(score, return_inverse=True)[1], places) for score in scores]
    return np.hstack(log_chances(Split(member, np.zeros(len(member), dtype=int), seed), attacks, draws))


def power(audits: int) -> Iterator[Row]:
    """Findings of twelve attacks that largely agree, by the one test and by Holm's correction."""
    rng, tolerated = np.random.default_rng(2), Policy(thresholds=dict.fromkeys(METRICS, 0.0))
    counts = np.zeros(5)
    for number in range(audits):
        member, places = rng.permutation(300) < 150, np.arange(300)
        shared = rng.normal(size=300) + rng.uniform(0.25, 0.5) * member
        scores = [shared + 0.4 * rng.normal(size=300) for _ in range(12)]
        p_values, column = [], []
        for attack, score in enumerate(scores):
            for estimate in weigh_scored(Scored(score, member, places, places), tolerated):
                if estimate.p_value is not None:
                    p_values.append(estimate.p_value)
                    column.append(attack * len(METRICS) + METRICS.index(estimate.metric))
        drawn = drawn_for(member, scores, number, DRAWS)
        found = step_down(np.array(p_values), np.array(column), Null(drawn[1:], drawn[0])) <= LEVEL
        plain = holm(p_values) <= LEVEL
        counts += found.any(), plain.any(), found.sum(), plain.sum(), (plain & ~found).sum()
    ours, holms, findings, findings_holm, lost = counts
    yield Row("audits with a leak found, one test", ours / audits, bar=holms / audits)
    yield Row("audits with a leak found, Holm", holms / audits)
    yield Row("findings per audit, one test", findings / audits, bar=findings_holm / audits)
    yield Row("findings per audit, Holm", findings_holm / audits)
    yield Row("share of Holm's findings that are lost", lost / max(findings_holm, 1), bar=0.02, better="below")


def bounds(audits: int) -> Iterator[Row]:
    """The AUC of the attack that looks strongest of twelve: does its bound lie below the truth?"""
    rng, alone, together, truth = np.random.default_rng(3), 0, 0, 0.6
    shift = np.sqrt(2) * 0.2533471  # deviations between the arms for an AUC of 0.6
    for number in range(audits):
        member, places = rng.permutation(200) < 100, np.arange(200)
        scores = [rng.normal(size=200) + shift * member for _ in range(12)]
        drawn = drawn_for(member, scores, number)
        level = common_level(Null(drawn[1:], drawn[0]), 0, LEVEL)
        areas = [auc(Scored(score, member, places, places)) for score in scores]
        best = max(areas, key=lambda area: area.value)
        alone += best.interval(LEVEL).low <= truth
        together += best.interval(level).low <= truth
    yield Row("bound of the strongest below the truth, alone", alone / audits)
    low, high = clopper_pearson(Rate(int(together), audits), 0.05)
    yield Row("bound of the strongest below the truth, over all", together / audits, low, high)
    yield Row("  ... 95 % interval ends at", high, bar=1 - LEVEL)


def rows(quick: bool) -> Iterator[Row]:
    """All of it: with `quick` in a minute of one core, else in half an hour."""
    warnings.filterwarnings("ignore")
    yield from null_audits(lambda _: 40 if quick else 1000)
    yield from knowing_nothing(60 if quick else 1000)
    yield from power(10 if quick else 200)
    yield from bounds(60 if quick else 1000)
