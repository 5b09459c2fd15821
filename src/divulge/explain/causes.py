"""Why it leaks: what the members that an attack names have in common, compared with all members."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divulge.auditing.job import Job
from divulge.auditing.oracle import GrantedOracle
from divulge.auditing.units import units_of
from divulge.core.errors import DivulgeError
from divulge.core.hashing import Array
from divulge.core.results.audit_result import Cause
from divulge.core.signals import of_class
from divulge.core.threat import Access, Task
from divulge.explain.neighborhood import LONELY, Neighborhood
from divulge.explain.rare_values import rare_values
from divulge.explain.releases import releases
from divulge.runs.by_person import persons_of
from divulge.stats.intervals import upper_quantile
from divulge.stats.many.multiplicity import holm

if TYPE_CHECKING:
    import pandas as pd

FEWEST_NAMED = 10
NAMED_ABOVE = (0.99, 0.9, 0.75)
"""Shares of the non-members; the first above which at least ten members lie."""

SHADOWS = 4

BY_HEART = "right only because it was trained on"
"""A trait that is read off what the attack itself looks at: it says how the leak shows, and hardly why."""

Trait = tuple[str, Array, str]


def causes_of(job: Job, scores: pd.DataFrame, confidence: float, around: Neighborhood) -> tuple[Cause, ...]:
    """For every trait the share of named members and of all members that have it, and whether they differ.

    scores: of the strongest attack, columns member, row, score.  A member is named when it scores above 99 % of the
    non-members, or above 90 or 75 % where hardly any does.  Shares are compared by Fisher's exact test, corrected for
    the number of traits (Holm).  A person with several records has what at least half of them have.  Empty where fewer
    than ten members are named, or where the records are not here.
    """
    records = job.features or job.candidates
    if records.schema.names == ("row",) or records.schema.task is Task.REGRESSION:
        return ()
    scores, units = persons_of(scores, job.aggregate), units_of(job)
    inside, outside = scores[scores["member"]], scores.loc[~scores["member"], "score"].to_numpy()
    score_of = dict(zip(inside["row"], inside["score"], strict=True))
    members = np.flatnonzero(units.member)
    score = np.array([score_of[row] for row in units.row[members]])
    levels = [(above, score > np.quantile(outside, above, method="higher")) for above in NAMED_ABOVE]
    enough = [(above, named) for above, named in levels if named.sum() >= FEWEST_NAMED and not named.all()]
    if not enough:
        return ()
    above, named = enough[0]
    everybody = [(name, units.mostly(has), advice) for name, has, advice in _traits(job, around)]
    traits = [(name, has[members], advice) for name, has, advice in everybody]
    score_at = {(m, r): s for m, r, s in zip(scores["member"], scores["row"], scores["score"], strict=True)}
    all_scores = np.array([score_at[key] for key in zip(units.member.tolist(), units.row.tolist(), strict=True)])
    shares = [share_without(all_scores, units.member, has, 1 - confidence) for _, has, _ in everybody]
    p_values = [_p_value(has, named) for _, has, _ in traits]
    found = [
        Cause(
            name=name,
            above=above,
            named=float(has[named].mean()),
            everybody=float(has.mean()),
            p_adjusted=float(p),
            telling=bool(p <= 1 - confidence),
            advice=advice,
            share=share.value if share is not None else None,
            share_low=share.low if share is not None else None,
            share_high=share.high if share is not None else None,
            circular=name == BY_HEART,
        )
        for (name, has, advice), p, share in zip(traits, holm(p_values), shares, strict=True)
    ]
    return tuple(sorted(found, key=lambda cause: cause.p_adjusted))


@dataclass(frozen=True)
class Share:
    """How much of an attack's advantage goes away without some of the records, with its interval."""

    value: float
    low: float
    high: float


def share_without(score: Array, member: Array, has: Array, alpha: float) -> Share | None:
    """How much of the attack's advantage goes away without the records that have a trait: 1 - B / A, with the
    advantages A of all and B of the others; None where A is not shown to be above 0, or where too few are left.

    score, member, has: [units].  The interval is that of a ratio of two areas of records that are partly the same: each
    record's influence on both is known from its placement (DeLong 1988), and the ratio is linearised.
    """
    left = ~has
    if min((member & left).sum(), (~member & left).sum()) < FEWEST_NAMED:
        return None
    whole, of_whole = _influence(score, member)
    part, of_part = _influence(score[left], member[left])
    z = upper_quantile(alpha / 2)
    if whole - z * float(np.sqrt((of_whole**2).sum())) <= 0:
        return None
    moved = part / whole**2 * of_whole
    moved[left] -= of_part / whole
    value, half = 1 - part / whole, z * float(np.sqrt((moved**2).sum()))
    return Share(*(float(np.clip(end, 0.0, 1.0)) for end in (value, value - half, value + half)))


def _influence(score: Array, member: Array) -> tuple[float, Array]:
    """The advantage 2 AUC - 1, and how far each record moves it [units]."""
    from scipy.stats import rankdata

    n1, n0 = int(member.sum()), int((~member).sum())
    ranks = rankdata(score)
    below = np.empty(len(score))
    for side, others in ((member, n0), (~member, n1)):
        below[side] = (ranks[side] - rankdata(score[side])) / others
    placed = np.where(member, below, 1 - below)
    area = float(placed[member].mean())
    return 2 * area - 1, 2 * (placed - area) / np.where(member, n1, n0)


def _p_value(has: Array, named: Array) -> float:
    """One-sided: that named members have the trait no more often than others."""
    from scipy import stats

    table = np.array([[(has & named).sum(), (~has & named).sum()], [(has & ~named).sum(), (~has & ~named).sum()]])
    return float(stats.fisher_exact(table, alternative="greater").pvalue)


def _traits(job: Job, around: Neighborhood) -> Iterator[Trait]:
    """Name, whether each candidate has it, and what to try."""
    records = job.features or job.candidates
    classes = len(records.schema.classes) if records.schema.labeled else 0
    if classes:  # texts have none, nor have tables without a target
        yield (
            "most similar records have another class",
            around.disagree > 0.5,
            "check these labels; stop training earlier or regularise more, so that single records are not memorised",
        )
    yield (
        "unlike all others (top-decile outliers)",
        around.outlier_rank >= LONELY,
        "merge rare values, generalise or leave out outliers, or train with differential privacy",
    )
    if classes:
        share = np.bincount(records.y, minlength=classes) / len(records)
        yield (
            "of a class with less than half of its fair share",
            share[records.y] < 0.5 / classes,
            "collect more of these classes, or merge them",
        )
    yield (
        "occurs more than once",
        around.copies > 1,
        "remove duplicates before training: each copy is learned again",
    )
    if releases(job.target):
        yield from rare_values(records)
    learned = _learned_by_heart(job)
    if learned is not None:
        yield (
            BY_HEART,
            learned,
            "the model memorises these: fewer epochs, a smaller model, stronger regularisation or differential privacy",
        )


def _learned_by_heart(job: Job) -> Array | None:
    """Likelier than not to the target, and unlikelier than not to models that did not see it (the leave-one-out
    estimate of memorisation of Feldman and Zhang 2020, from the shadow models); None where there are none.
    """
    if job.shadows is None or not job.threat.grants(Access.SCORES) or Access.SCORES not in job.target.offers:
        return None
    try:
        shadows = job.shadows(
            min(SHADOWS, job.most_shadows or SHADOWS),
            lambda target: GrantedOracle(target, job.threat, Access.SCORES, free=True),
        )
        others = np.exp(shadows.signals(job.candidates, of_class))
        nonmembers = ~shadows.trained_on(job.candidates)
        mine = np.exp(of_class(job.target.answer(Access.SCORES, job.candidates), job.candidates.y))
    except DivulgeError:
        return None
    mean = np.where(nonmembers, others, 0).sum(axis=0) / np.maximum(nonmembers.sum(axis=0), 1)
    return np.asarray((mine > 0.5) & (mean < 0.5) & nonmembers.any(axis=0))
