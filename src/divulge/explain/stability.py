"""Would the same members be named again if the model were trained anew?  The shadow models tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator

from divulge.attacks.membership.shadows.learned_ratio import Pool, pool_of
from divulge.attacks.membership.shadows.shadow_statistics import normal_log_density
from divulge.auditing.job import Job
from divulge.auditing.oracle import GrantedOracle
from divulge.auditing.units import units_of
from divulge.core.errors import DivulgeError
from divulge.core.hashing import Array, derived_rng
from divulge.core.persons import condensed
from divulge.core.results.audit_result import Stability
from divulge.core.results.estimate import Rate
from divulge.core.signals import logit_scaled, of_class
from divulge.core.threat import Access, Task
from divulge.explain.neighborhood import Neighborhood
from divulge.stats.intervals import Interval, clopper_pearson, ratio_of_sums

if TYPE_CHECKING:
    import pandas as pd

FEWEST_SHADOWS = 6
FEWEST_TRAININGS = 3
FALSE_POSITIVES = (0.01, 0.1)


@dataclass(frozen=True, eq=False)
class Retrained:
    """named, could: which candidates, or persons, each model exposes, and which it could have, bool [models, units]
    each.  at: the false positive rate.
    """

    named: Array
    could: Array
    at: float

    def of(self, records: Array) -> Retrained:
        """The same for some of the records."""
        return Retrained(self.named[:, records], self.could[:, records], self.at)


def named_when_retrained(job: Job, models: int) -> Retrained | None:
    """Each shadow model in turn is the target, the others are its shadow models, and LiRA with one variance for all
    records names members at a false positive rate of 1 %, or of 10 % where scores are too coarse for that.  None
    where there are fewer than six models, or none that answer with scores.

    Each record was seen by half of the models, so each gets as many verdicts, from trainings with other seeds and
    other companions.
    """
    if job.shadows is None or models < FEWEST_SHADOWS or job.target.task is not Task.CLASSIFICATION:
        return None
    if not job.threat.grants(Access.SCORES) or Access.SCORES not in job.target.offers:
        return None
    try:
        shadows = job.shadows(models, lambda t: GrantedOracle(t, job.threat, Access.SCORES, free=True))
        logit = shadows.signals(job.candidates, logit_scaled)
        likelihood = shadows.signals(job.candidates, of_class)
    except DivulgeError:
        return None
    pool, rng = pool_of(logit, likelihood, shadows.trained_on(job.candidates)), derived_rng(job.seed, "retrained")
    judged = [_ratios(pool, model, rng) for model in range(len(pool.seen))]
    units = units_of(job)
    if units.several:
        judged = [_of_persons(ratio, units.place, job.aggregate) for ratio in judged]
    found = (_named(judged, pool.seen[:, units.head], at) for at in FALSE_POSITIVES)
    return next((f for f in found if f.named.any()), None)


def _ratios(pool: Pool, model: int, rng: Generator) -> Array:
    """LiRA's log-ratios of one model [candidates]; NaN where there is nothing to compare with."""
    records = np.arange(pool.seen.shape[1])
    left_in, left_out, usable = pool.leave_out(model, rng)
    inside = pool.inside.without(pool.logit[left_in, records])
    outside = pool.outside.without(pool.logit[left_out, records])
    above, below = (normal_log_density(pool.logit[model], of.mean, of.pooled_variance(1.0)) for of in (inside, outside))
    return np.where(usable, above - below, np.nan)


def _of_persons(ratio: Array, place: Array, aggregate: str) -> Array:
    """One ratio a person, from those rows of which something is known; NaN where there are none."""
    ratios, known = np.full(int(place.max()) + 1, np.nan), np.isfinite(ratio)
    if known.any():
        who, where = np.unique(place[known], return_inverse=True)
        ratios[who] = condensed(ratio[known], where, aggregate)
    return ratios


def _named(judged: Sequence[Array], seen: Array, at: float) -> Retrained:
    named, could = np.zeros_like(seen), np.zeros_like(seen)
    for model, ratio in enumerate(judged):
        known = np.isfinite(ratio)
        nonmembers = ratio[known & ~seen[model]]
        if len(nonmembers):
            could[model] = known & seen[model]
            named[model] = could[model] & (ratio > np.quantile(nonmembers, 1 - at, method="higher"))
    return Retrained(named, could, at)


def stability(found: Retrained, confidence: float) -> Stability | None:
    """How often a record that one training exposes is exposed by another, beside how often any record is; None where
    fewer than three trainings saw the records, or nobody was named.

    The interval is over records, which are the units.
    """
    times, trainings = found.named.sum(axis=0), found.could.sum(axis=0)
    if trainings.min(initial=99) < FEWEST_TRAININGS or not times.any():
        return None
    both, might = times * (times - 1.0), times * (trainings - 1.0)
    again = float(both.sum() / might.sum())
    low, high = ratio_of_sums(both, might, 1 - confidence)
    return Stability(int(trainings.min()), again, low, high, float(times.sum() / trainings.sum()), found.at)


def per_record(job: Job, around: Neighborhood | None, found: Retrained | None) -> pd.DataFrame:
    """One row a member, in the order in which they were given (a person with several records by the first one, with
    the person's label and the number of records: person, rows): row, y, in how many other trainings that used it the
    member was named (named, trainings, and an exact 95 % interval low to high of the probability), how lonely it is,
    how many of its neighbours disagree, how many copies there are, and the same in words (why); nothing of that where
    the records are not here.
    """
    import pandas as pd

    units = units_of(job)
    members = np.flatnonzero(units.member)[np.argsort(units.row[units.member], kind="stable")]
    frame = pd.DataFrame({"row": units.row[members], "y": job.candidates.y[units.head[members]]})
    if units.several:
        assert job.candidates.groups is not None
        number = job.candidates.groups[units.head[members]]
        frame["person"] = [job.persons[n] if job.persons else str(n) for n in number]
        frame["rows"] = np.bincount(units.place)[members]
        around = around.of_persons(units.place) if around is not None else None
    if found is not None:
        named, could = (part[:, members].sum(axis=0) for part in (found.named, found.could))
        frame["named"], frame["trainings"] = named, could
        ends = [
            clopper_pearson(Rate(int(k), int(n)), 0.05) if n else Interval(0.0, 1.0)
            for k, n in zip(named, could, strict=True)
        ]
        frame["low"], frame["high"] = [e.low for e in ends], [e.high for e in ends]
    if around is not None:
        for name in ("outlier_rank", "disagree", "copies"):
            frame[name] = getattr(around, name)[members]
    frame["why"] = ["; ".join(around.words(int(place))) if around is not None else "" for place in members]
    return frame
