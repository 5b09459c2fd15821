"""Would the same members be named again if the model were trained anew?  The shadow models tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from divulge.core.signals import logit_scaled, of_class
from divulge.core.threat import Access, Task
from divulge.explain.neighborhood import Neighborhood
from divulge.explain.rare_values import remarks
from divulge.explain.releases import releases
from divulge.stats.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

FEWEST_SHADOWS = 6
FEWEST_TRAININGS = 3
FALSE_POSITIVES = (0.01, 0.1)

DRAWN_ANEW = 3
"""Times that it is drawn anew which models saw which records."""


@dataclass(frozen=True, eq=False)
class Retrained:
    """named, could: which candidates, or persons, each model exposes, and which it could have, bool [models, units]
    each.  at: the false positive rate.  unlearned: the same where it was drawn anew which of the models saw a record,
    so that nothing can have been learned; empty where that was not looked at.
    """

    named: Array
    could: Array
    at: float
    unlearned: tuple[Retrained, ...] = ()

    def of(self, records: Array) -> Retrained:
        """The same for some of the records."""
        parts = tuple(part.of(records) for part in self.unlearned)
        return Retrained(self.named[:, records], self.could[:, records], self.at, parts)

    def without(self, model: int) -> Retrained:
        """The same without one of the models."""
        named, could = (np.delete(part, model, axis=0) for part in (self.named, self.could))
        return Retrained(named, could, self.at, tuple(part.without(model) for part in self.unlearned))

    @property
    def anybody(self) -> float:
        """How often any record is named by a training that saw it."""
        return float(self.named.sum() / max(self.could.sum(), 1))

    @property
    def again(self) -> float:
        """How often a record that one training names is named by another; 0 where none is named."""
        times, trainings = self.named.sum(axis=0), self.could.sum(axis=0)
        might = float((times * (trainings - 1.0)).sum())
        return float((times * (times - 1.0)).sum()) / might if might else 0.0

    @property
    def persistence(self) -> float:
        """How much oftener than others a named record is named again where nothing was learned: each model is among
        those that the others are compared with, and some records vary more than others.
        """
        return float(np.mean([max(0.0, u.again - u.anybody) for u in self.unlearned])) if self.unlearned else 0.0


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
    seen, rng, units = shadows.trained_on(job.candidates), derived_rng(job.seed, "retrained"), units_of(job)

    def judged(saw: Array, signal: Array) -> list[Array]:
        pool = pool_of(signal, likelihood, saw)
        ratios = [_ratios(pool, model, rng) for model in range(len(saw))]
        return [_of_persons(ratio, units.place, job.aggregate) for ratio in ratios] if units.several else ratios

    said, level = judged(seen, logit), unlearned(logit, seen)
    found = next((f for at in FALSE_POSITIVES if (f := _named(said, seen[:, units.head], at)).named.any()), None)
    if found is None:
        return None
    lots = [drawn_anew(seen, units.place, rng) for _ in range(DRAWN_ANEW)]
    return replace(found, unlearned=tuple(_named(judged(saw, level), saw[:, units.head], found.at) for saw in lots))


def unlearned(signal: Array, seen: Array) -> Array:
    """Signals [models, records] as they would spread had no model learned a record: about one mean a record, instead
    of one where it was seen and one where it was not.
    """
    spread = np.array(signal, dtype=np.float64)
    for side in (seen, ~seen):
        n = side.sum(axis=0)
        mean = np.where(side, signal, 0.0).sum(axis=0) / np.maximum(n, 1)
        wider = np.sqrt(n / np.maximum(n - 1, 1))
        spread = np.where(side & (n > 1), signal.mean(axis=0) + (signal - mean) * wider, spread)
    return spread


def drawn_anew(seen: Array, place: Array, rng: Generator) -> Array:
    """Which models saw which records, drawn again, as many for each: bool [models, records]; in pairs where they were.
    place: int [records], whose they are.
    """
    units = int(place.max()) + 1
    if len(seen) % 2 == 0 and (seen[::2] != seen[1::2]).all():
        swapped = np.repeat(rng.random((len(seen) // 2, units)) < 0.5, 2, axis=0)[:, place]
        return np.asarray(seen ^ swapped)
    return np.take_along_axis(seen, rng.random((len(seen), units)).argsort(axis=0)[:, place], axis=0)


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

    The interval is over records, and over trainings, which overlap (delete-one jackknife; Efron and Stein 1981).  What
    goes on where nothing was learned is taken off its lower end (Retrained.persistence): without a leak the rest is how
    often anybody is named.
    """
    from scipy import stats

    times, trainings = found.named.sum(axis=0), found.could.sum(axis=0)
    if trainings.min(initial=99) < FEWEST_TRAININGS or not times.any():
        return None
    both, might, models = times * (times - 1.0), times * (trainings - 1.0), len(found.named)
    by_records = ((both - found.again * might) ** 2).sum() / might.sum() ** 2
    by_models = np.var([_learned_again(found.without(model)) for model in range(models)]) * (models - 1)
    half = float(stats.t.isf((1 - confidence) / 2, models - 1) * np.sqrt(by_records + by_models))
    return Stability(
        trainings=int(trainings.min()),
        again=found.again,
        low=max(0.0, _learned_again(found) - half),
        high=min(1.0, found.again + half),
        anybody=found.anybody,
        at=found.at,
        unlearned=found.persistence,
    )


def _learned_again(found: Retrained) -> float:
    """Again, less what goes on where nothing was learned; no less than how often anybody is named."""
    return max(found.again - found.persistence, min(found.again, found.anybody))


def per_record(job: Job, around: Neighborhood | None, found: Retrained | None) -> pd.DataFrame:
    """One row a member, in the order in which they were given (a person with several records by the first one, with
    the person's label and the number of records: person, rows): row, y, in how many other trainings that used it the
    member was named (named, trainings, and a 95 % interval low to high of the probability), how lonely it is,
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
        ends = [_of_overlapping(int(k), int(n), found.persistence) for k, n in zip(named, could, strict=True)]
        frame["low"], frame["high"] = [e.low for e in ends], [e.high for e in ends]
    if around is not None:
        for name in ("outlier_rank", "disagree", "copies"):
            frame[name] = getattr(around, name)[members]
    beside = remarks(job) if releases(job.target) and not units.several else None
    told = [(around.words(int(place)) if around is not None else []) for place in members]
    if beside is not None:
        told = [[*beside[int(place)], *words] for place, words in zip(members, told, strict=True)]
    frame["why"] = ["; ".join(words) for words in told]
    return frame


def _of_overlapping(named: int, trainings: int, correlation: float) -> Interval:
    """95 % interval of the probability that a training exposes a record: Clopper and Pearson's, for as many independent
    trainings as these are worth (Korn and Graubard 1998, Survey Methodology 24), since they overlap.
    """
    from scipy import stats

    if not trainings:
        return Interval(0.0, 1.0)
    worth = 1 / (1 + (trainings - 1) * correlation)
    k, n = named * worth, trainings * worth
    low = float(stats.beta.ppf(0.025, k, n - k + 1)) if named else 0.0
    high = float(stats.beta.ppf(0.975, k + 1, n - k)) if named < trainings else 1.0
    return Interval(low, high)
