"""What release would leak less: other tables that could have been published instead, attacked by the same attacks.

Fewer rows, coarser values and columns left out take nothing but the table; people left out take the owner's recipe;
differential privacy takes public records, which its bins come from.  Whoever attacks knows how the table was changed:
what is known of people is made as coarse as the table is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from divulge.auditing.job import Job
from divulge.auditing.sessions import Sessions
from divulge.core.attack import Attack
from divulge.core.capability.declared import able
from divulge.core.capability.targets import Generates
from divulge.core.errors import FOREIGN, DivulgeError, raised
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.records import CODED, Kind, Records
from divulge.core.results.audit_result import Mitigation
from divulge.core.results.estimate import Estimate
from divulge.core.results.finding import Finding, Outcome, Reading, Verdict
from divulge.core.results.metric import AUC
from divulge.core.target import Target
from divulge.core.threat import Access, Family
from divulge.core.wording import percent
from divulge.explain.neighborhood import LONELY, neighborhood
from divulge.explain.replay import replay
from divulge.games.release import asked_columns
from divulge.targets.wrappers.held import HeldRelease
from divulge.training.recipes.noisy_marginals import NoisyMarginals

NO_TIME = "there was no time left"
SHARES = ((2, "half as many rows"), (10, "a tenth of the rows"))
GROUPS = 10
"""Of a quantity, with as many people each, of whom all get the middle one's value."""

RARE = 0.01
"""Share of the people below which a category is put together with the other rare ones."""

MOST_COLUMNS = 12
MOST_LEARNED = 3
MOST_ATTACKS = 3
EPSILONS = (1.0, 10.0)
TREES = 10
FEWEST = 25
"""Rows, and people, that are worth looking at."""

Side = Callable[[Records], Records]


def releases(target: Target) -> bool:
    """Whether what is audited is a table of made-up records, or makes one."""
    return able(target, Generates) and Access.SAMPLES in target.offers


@dataclass(frozen=True)
class _Leaking:
    """The strongest leak of a challenge; attacks: those that are played again, of which the best counts."""

    finding: Finding
    attacks: tuple[Attack[Any, Any], ...]

    @property
    def key(self) -> tuple[str, str]:
        """Metric, and what it is about."""
        return self.finding.key, self.finding.about


@dataclass(frozen=True)
class _Other:
    """Another release, in words.  job: the audit of it.  before: of this one on the same people, None for the run's.
    membership: whether it is tried on that alone.
    """

    knob: str
    job: Callable[[], Job]
    before: Callable[[], Job] | None = None
    membership: bool = False


@dataclass
class OtherReleases:
    """left: seconds that there still are, None for no limit."""

    job: Job
    tests: int
    left: Callable[[], float | None] = lambda: None
    _jobs: dict[str, Job] = field(default_factory=dict)
    _prices: dict[str, float | None] = field(default_factory=dict)

    def all(self, findings: Sequence[Finding], outcomes: Sequence[Outcome]) -> Iterator[Mitigation]:
        """One row for every leak and every other release."""
        seconds = {o.attack: o.seconds for o in outcomes}
        for leak in self._leaks(findings):
            expected = sum(seconds.get(a.card.name, 0.0) for a in leak.attacks)
            for other in self._others():
                membership = leak.finding.game == Family.MEMBERSHIP.value
                if other.membership and not membership:
                    continue
                of = leak.finding
                row = Mitigation(of.game, of.attack, of.key, of.about, other.knob, of.chance)
                left = self.left()
                if left is not None and expected > left:
                    yield replace(row, reason=NO_TIME)
                    continue
                yield self._measured(row, leak, other)

    def _leaks(self, findings: Sequence[Finding]) -> list[_Leaking]:
        """Of membership by the AUC, since others need more records; the strongest of every challenge besides."""
        by_name = {a.card.name: a for a in self.job.attacks}
        best: dict[str, list[tuple[float, Finding]]] = {}
        for f in findings:
            attack = by_name.get(f.attack)
            if attack is None or attack.card.models or attack.card.needs.access is not Access.SAMPLES:
                continue
            family = f.game in (Family.MEMBERSHIP.value, Family.RECONSTRUCTION.value)
            scored = f.game != Family.MEMBERSHIP.value or f.key == AUC
            if f.verdict is Verdict.LEAK and family and scored:
                best.setdefault(str(attack.card.played_as), []).append((f.advantage_low or 0.0, f))
        leaks = []
        for found in best.values():
            ordered = [f for _, f in sorted(found, key=lambda pair: -pair[0])]
            names = list(dict.fromkeys(f.attack for f in ordered))[:MOST_ATTACKS]
            leaks.append(_Leaking(ordered[0], tuple(by_name[name] for name in names)))
        return leaks

    def _others(self) -> Iterator[_Other]:
        rows = len(self._released())
        for divisor, knob in SHARES:
            if rows // divisor >= FEWEST:
                yield _Other(knob, partial(self._fewer, rows // divisor, knob))
        if self.job.candidates.schema.is_image:
            return
        coarse = coarsening(self._reference())
        if coarse is not None:
            knob = f"quantities in {GROUPS} groups, and categories of fewer than {percent(RARE)} together"
            yield _Other(knob, partial(self._altered, coarse, knob))
        if self.job.recipe is not None and (alone := self._alone()) is not None:
            knob = "the tenth of the people who are most alone left out before the table is made"
            yield _Other(knob, partial(self._without, alone, True), partial(self._without, alone, False))
        for epsilon in EPSILONS if self.job.population is not None else ():
            knob = f"a table from noisy counts of pairs of columns, differential privacy of epsilon {epsilon:g}"
            yield _Other(knob, partial(self._private, epsilon, knob))
        names = self.job.candidates.schema.names
        for place in range(min(len(names), MOST_COLUMNS)) if len(names) > 1 else ():
            knob = f"{names[place]} left out of the table"
            yield _Other(knob, partial(self._altered, partial(without_column, place), knob), membership=True)

    def _reference(self) -> Records:
        """Whose values decide what is coarse: the public ones where there are any, else those that were not there."""
        return self.job.population or self.job.candidates.take(~self.job.member)

    def _released(self) -> Records:
        """The release as it is, as many rows as an attack would get."""
        if "" not in self._jobs:
            job: Any = self.job
            count = int(job.member.sum())
            drawn = job.target.draw(count, derived_seed(job.seed, "release"), job.candidates.schema)
            self._jobs[""] = replace(job, target=HeldRelease(drawn, job.target.name))
        held: Any = self._jobs[""].target
        rows: Records = held.records
        return rows

    def _fewer(self, rows: int, knob: str) -> Job:
        released = self._released()
        order = derived_rng(self.job.seed, "fewer rows").permutation(len(released))
        return replace(self.job, target=HeldRelease(released.take(order[:rows]), knob))

    def _altered(self, side: Side, knob: str) -> Job:
        job = self.job
        population = side(job.population) if job.population is not None else None
        target = HeldRelease(side(self._released()), knob)
        return replace(job, target=target, candidates=side(job.candidates), population=population, features=None)

    def _private(self, epsilon: float, knob: str) -> Job:
        job = self.job
        assert job.population is not None
        seed = derived_seed(job.seed, "private release")
        made = NoisyMarginals(job.candidates.take(job.member), job.population, epsilon, seed)
        return replace(job, target=HeldRelease(made.draw(len(self._released()), 0), knob))

    def _alone(self) -> Array | None:
        """Whom to keep [candidates]: on either side those who are not far from all others."""
        kept = neighborhood(self.job.candidates).outlier_rank < LONELY
        sides = kept & self.job.member, kept & ~self.job.member
        return kept if min(int(side.sum()) for side in sides) >= FEWEST else None

    def _without(self, kept: Array, anew: bool) -> Job:
        """The audit of those who stay: of the table as it is, or of one that was made without the others."""
        job = self.job
        assert job.recipe is not None
        target: Target = self._jobs[""].target
        if anew:
            learned = job.candidates.take(kept & job.member)
            made: Any = job.recipe.train(learned, derived_seed(job.seed, "without the outliers"))
            rows = made.draw(len(self._released()), derived_seed(job.seed, "release"), job.candidates.schema)
            target = HeldRelease(rows, "a table without those who are alone")
        asked = job.candidates.take(kept)
        return replace(job, target=target, features=None, candidates=asked, member=job.member[kept], row=job.row[kept])

    def _measured(self, row: Mitigation, leak: _Leaking, other: _Other) -> Mitigation:
        try:
            job = self._job(other.knob, other.job)
            after = self._best(leak, job)
            known = self._best(leak, other.before()) if other.before is not None else None
        except DivulgeError as reason:
            return replace(row, reason=str(reason))
        except FOREIGN as error:  # a foreign recipe; the run's findings do not depend on it
            return replace(row, reason=f"it broke off: {raised(error)}")
        if after is None or after.value is None:
            return replace(row, reason="there is too little to measure it by")
        if known is not None and known.value is not None:
            row = replace(row, chance=known.chance)
        was = _reading(leak.finding if known is None else known)
        price, kept = self._price(other.knob, job)
        told = replace(row, before=was, after=_reading(after), chance_after=after.chance)
        return replace(told, price=price, kept=kept)

    def _job(self, knob: str, make: Callable[[], Job]) -> Job:
        if knob not in self._jobs:
            self._jobs[knob] = make()
        return self._jobs[knob]

    def _best(self, leak: _Leaking, job: Job) -> Estimate | None:
        """The most that any of the attacks reaches: a change that breaks one of them is no cure."""
        found: list[Estimate] = []
        refusal: DivulgeError | None = None
        for attack in leak.attacks:
            try:
                found += [e for e in replay(attack, Sessions(job, self.tests)) if (e.metric, e.about) == leak.key]
            except DivulgeError as reason:
                refusal = reason
        measured = [e for e in found if e.value is not None]
        if not measured and refusal is not None:
            raise refusal
        return max(measured, key=lambda e: (e.value or 0.0) - e.chance, default=None)

    def _price(self, knob: str, job: Job) -> tuple[str, float | None]:
        """What can still be learned from the table: models that learn from it, asked about people who are not in it; in
        words, and as a share of what it was.
        """
        self._released()
        before = self._learned("", self._jobs[""])
        after = self._learned(knob, job)
        if before is None or after is None:
            return "what can still be learned from it was not measured", None
        return (
            f"models that learn from the table are right about {percent(after)} of other people ({percent(before)} as "
            "it is)"
        ), after / before if before else None

    def _learned(self, knob: str, job: Job) -> float | None:
        if knob not in self._prices:
            held: Any = job.target
            others = self.job.candidates.take(~self.job.member)
            self._prices[knob] = learned_from(held.records, others, self.job.seed)
        return self._prices[knob]


def learned_from(table: Records, others: Records, seed: int = 0) -> float | None:
    """How often forests that learn from a table are right about others: of the target where there is one, else of up to
    three columns (of a quantity, whether it is above the others' median), on average.  None where nothing varies.
    """
    from sklearn.ensemble import RandomForestClassifier

    right = []
    for x, y, asked, truth in _questions(table, others):
        if len(np.unique(y)) > 1 and len(np.unique(truth)) > 1:
            forest = RandomForestClassifier(TREES, min_samples_leaf=3, random_state=seed % 2**32).fit(x, y)
            right.append(float((forest.predict(asked) == truth).mean()))
        elif len(np.unique(truth)) > 1:
            right.append(float((truth == y[0]).mean()))
    return float(np.mean(right)) if right else None


def _questions(table: Records, others: Records) -> Iterator[tuple[Array, Array, Array, Array]]:
    x, asked = table.flat(), others.flat()
    if table.schema.labeled and table.schema.classes:
        yield x, table.y, asked, others.y
        return
    for place in asked_columns(others)[:MOST_LEARNED]:
        kept = np.arange(x.shape[1]) != place
        if not kept.any():
            continue
        coded = table.schema.columns[place].kind in (*CODED, Kind.BOOLEAN)
        middle = float(np.median(asked[:, place]))
        y, truth = ((side[:, place] if coded else side[:, place] > middle) for side in (x, asked))
        yield x[:, kept], y, asked[:, kept], truth


def coarsening(reference: Records) -> Side | None:
    """Quantities as the middle of their group, rare categories as the commonest of the rare; None where nothing
    changes.

    The groups and what is rare are those of the reference.
    """
    alter: dict[int, Callable[[Array], Array]] = {}
    for place, column in enumerate(reference.schema.columns):
        numbers = np.asarray(reference.x[:, place], dtype=np.float64)
        if column.kind in CODED:
            counts = np.bincount(numbers.astype(np.int64), minlength=len(column.categories))
            rare = np.flatnonzero(counts < RARE * len(numbers))
            if (counts[rare] > 0).sum() > 1:
                alter[place] = partial(_together, rare, int(rare[counts[rare].argmax()]))
        elif column.kind is not Kind.BOOLEAN:
            known = np.sort(numbers[np.isfinite(numbers)])
            if len(np.unique(known)) > GROUPS:
                alter[place] = partial(_middle, *_groups(known))
    if not alter:
        return None

    def side(records: Records) -> Records:
        x = np.array(records.x, dtype=np.float64)
        for place, change in alter.items():
            x[:, place] = change(x[:, place])
        return Records(x, records.y, records.schema, records.groups).settled()

    return side


def _groups(known: Array) -> tuple[Array, Array]:
    edges = np.unique(np.quantile(known, np.arange(1, GROUPS) / GROUPS))
    place = np.searchsorted(edges, known, side="right")
    middles = [np.median(known[place == each]) if (place == each).any() else np.nan for each in range(len(edges) + 1)]
    filled = np.where(np.isfinite(middles), middles, np.append(edges, edges[-1]))
    return edges, filled


def _middle(edges: Array, middles: Array, numbers: Array) -> Array:
    absent = ~np.isfinite(numbers)
    place = np.searchsorted(edges, np.where(absent, 0.0, numbers), side="right")
    return np.where(absent, np.nan, middles[place])


def _together(rare: Array, common: int, numbers: Array) -> Array:
    return np.where(np.isin(numbers, rare), float(common), numbers)


def without_column(place: int, records: Records) -> Records:
    """The same value for everybody, so that the table tells nothing by it."""
    x = np.array(records.x)
    x[:, place] = 0
    return Records(x, records.y, records.schema, records.groups)


def _reading(of: Estimate | Finding) -> Reading:
    return Reading(of.value or 0.0, of.low or 0.0, of.high if of.high is not None else 1.0)
