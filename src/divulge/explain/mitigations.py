"""What is left of a leak of the other families when one thing is changed: the same attack, played once more, and of a
copy those too that can do with labels.

What the interface shows is changed without training anything: the same models answer, those of the adversary too, and
say less.  Where a column is left out, or a setting of the training turned, models are trained anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from divulge.auditing.budget import Budget
from divulge.auditing.cache import keeper
from divulge.auditing.job import Job
from divulge.auditing.sessions import Sessions
from divulge.core.attack import Attack, with_settings
from divulge.core.capability.attacks import Poisons, stops_of
from divulge.core.capability.declared import able
from divulge.core.capability.recipes import Tunable
from divulge.core.capability.targets import Meets
from divulge.core.defense import Defense
from divulge.core.errors import FOREIGN, AccessDenied, Impossible, raised
from divulge.core.hashing import derived_seed
from divulge.core.recipe import Recipe
from divulge.core.results.audit_result import Mitigation
from divulge.core.results.estimate import Estimate
from divulge.core.results.finding import Finding, Outcome, Reading, Verdict
from divulge.core.results.metric import FIDELITY
from divulge.core.target import Target
from divulge.core.threat import Access, Challenge, Family, Task, closure
from divulge.core.wording import counted
from divulge.defenses.data.minimization import Minimization
from divulge.defenses.interface.label_only import LabelOnly
from divulge.defenses.interface.rounding import Rounding
from divulge.explain.releases import NO_TIME, OtherReleases, releases
from divulge.explain.replay import replay
from divulge.runs.folder import RunFolder
from divulge.setup.defended import under

INTERFACE: tuple[tuple[str, Defense], ...] = (
    ("labels instead of scores", LabelOnly()),
    ("scores to one decimal", Rounding(decimals=1)),
)
MOST = 2
"""Leaks of a family that are looked into."""

LEAST = 10
FEWER = 10
"""How many times fewer queries."""

SAME = "the model stays as it is"
ASKING = closure({Access.SCORES})
PART = 0.5
"""Of the seconds that an attack took with its controls: what it takes to play it once more."""


After = tuple[Sequence[Estimate], Sequence[Estimate] | None, str]


@dataclass(frozen=True)
class _Leak:
    """The strongest leak of a challenge that an attack found by asking alone."""

    attack: Attack[Any, Any]
    finding: Finding

    @property
    def rank(self) -> tuple[bool, float]:
        """An attack that can do with labels can be played behind every interface."""
        return self.attack.card.needs.access is Access.LABEL, self.finding.advantage_low or 0.0

    @property
    def before(self) -> Reading:
        """What the run found."""
        return _reading(self.finding)


@dataclass(frozen=True)
class _Change:
    """One change, in words; `play` gives the estimates after it, what was there before (None: what the run found), and
    its price in words.  trainings: models that are trained for it.
    """

    knob: str
    run_attack: Callable[[], After]
    trainings: int = 0


@dataclass
class Turning:
    """left: seconds that there still are, None for no limit.  model: seconds for a training."""

    job: Job
    tables: Sessions
    left: Callable[[], float | None] = lambda: None
    model: float = 0.0
    _trained: dict[str, tuple[Target, float]] = field(default_factory=dict)
    _seen: dict[tuple[str, str], tuple[Estimate, ...]] = field(default_factory=dict)

    def all(self, findings: Sequence[Finding], outcomes: Sequence[Outcome]) -> Iterator[Mitigation]:
        """For the strongest leak of every challenge but membership, which has explain.what_if."""
        seconds = {o.attack: o.seconds for o in outcomes}
        for leak in self._leaks(findings):
            card = leak.attack.card
            for change in self._changes(leak):
                row = Mitigation(
                    card.family.value,
                    card.name,
                    leak.finding.key,
                    leak.finding.about,
                    change.knob,
                    leak.finding.chance,
                )
                left = self.left()
                if left is not None and PART * seconds.get(card.name, 0.0) + change.trainings * self.model > left:
                    yield replace(row, reason=NO_TIME)
                    continue
                yield self._measured(row, leak, change)

    def _leaks(self, findings: Sequence[Finding]) -> list[_Leak]:
        """The strongest of each challenge and metric, of attacks that need no more than an interface."""
        by_name = {a.card.name: a for a in self.job.attacks}
        best: dict[tuple[str, str], _Leak] = {}
        for f in findings:
            attack = by_name.get(f.attack)
            if attack is None or f.verdict is not Verdict.LEAK or f.game == Family.MEMBERSHIP.value:
                continue
            card = attack.card
            asks = card.needs.access in ASKING and not card.models and not able(attack, Poisons)
            if not asks or (card.family is Family.EXTRACTION and f.metric != FIDELITY):
                continue
            found, key = _Leak(attack, f), (f"{card.family.value} {card.challenge}", f.metric)
            if key not in best or found.rank > best[key].rank:
                best[key] = found
        return _few(list(best.values()))

    def _changes(self, leak: _Leak) -> Iterator[_Change]:
        card = leak.attack.card
        shown = Access.SCORES in self.job.target.offers and self.job.threat.grants(Access.SCORES)
        withheld = ", and the file withheld" if self.job.threat.grants(Access.PARAMETERS) else ""
        for knob, defense in INTERFACE if shown and self.job.target.task is Task.CLASSIFICATION else ():
            yield _Change(knob + withheld, partial(self._behind, leak.attack, (defense,)))
        stops, sent = stops_of(leak.attack), leak.finding.queries
        if card.family is Family.EXTRACTION and isinstance(stops, tuple | list) and sent >= LEAST * FEWER:
            fewer = sent // FEWER
            lighter = with_settings(leak.attack, queries=(fewer,))
            knob = f"{counted(fewer, 'query')} instead of {sent:,}"
            yield _Change(knob, partial(self._behind, lighter, ()))
        yield from self._of_the_training(leak)

    def _behind(self, attack: Attack[Any, Any], behind: tuple[Defense, ...]) -> After:
        """What is left for an adversary who knows the interface: of a copy, the best by this attack or by those of the
        run that labels are enough for.  An attack that the interface breaks would make it look like a cure.
        """
        best: dict[tuple[str, str], Estimate] = {}
        refusal: AccessDenied | Impossible | None = None
        for each in (attack, *(self._copiers(attack) if behind else ())):
            try:
                estimates = self._again(each, behind)
            except (AccessDenied, Impossible) as reason:
                refusal = refusal or reason
                continue
            for found in estimates:
                known = best.get((found.metric, found.about))
                if known is None or (found.value or 0.0) > (known.value or 0.0):
                    best[found.metric, found.about] = found
        if not best and refusal is not None:
            raise refusal
        return tuple(best.values()), None, SAME

    def _copiers(self, attack: Attack[Any, Any]) -> list[Attack[Any, Any]]:
        """Other attacks of the run that copy the model, and can do with labels."""
        if attack.card.family is not Family.EXTRACTION:
            return []
        others = [a for a in self.job.attacks if a.card.family is Family.EXTRACTION and a.card.name != attack.card.name]
        return [a for a in others if a.card.needs.access is Access.LABEL and not a.card.models]

    def _of_the_training(self, leak: _Leak) -> Iterator[_Change]:
        """Columns that are left out, and the first setting of the recipe."""
        job, card = self.job, leak.attack.card
        if job.recipe is None or job.population is None or not able(job.recipe, Tunable):
            return
        about_attributes = card.challenge is Challenge.ATTRIBUTES
        if not about_attributes and card.challenge is not Challenge.TRAINING_SET:
            return
        about = leak.finding.about
        for column in () if job.candidates.schema.is_image else job.candidates.schema.columns:
            if re.search(rf"(?<!\w){re.escape(column.name)}(?!\w)", about):
                recipe = under(job.target, job.recipe, [Minimization(drop=(column.name,))], job.population)
                yield self._retrained(leak, f"{column.name} left out of the training", recipe)
        if about_attributes:
            for knob, mitigations in job.recipe.knobs()[:1]:
                yield self._retrained(leak, knob, mitigations)

    def _retrained(self, leak: _Leak, knob: str, recipe: Recipe) -> _Change:
        job, card = self.job, leak.attack.card

        def run_attack() -> After:
            assert job.recipe is not None
            (plain, before), (target, after) = self._model("as it is", job.recipe), self._model(knob, recipe)
            price = _price(before, after, job.target.task)
            if card.family is Family.PROPERTY:
                return self._again(leak.attack, job=replace(job, target=target, recipe=recipe)), None, price
            known = self._again(leak.attack, job=replace(job, target=plain))
            return self._again(leak.attack, job=replace(job, target=target, recipe=recipe)), known, price

        trains = job.properties.victims + job.properties.shadows if card.family is Family.PROPERTY else 2
        return _Change(knob, run_attack, trains)

    def _model(self, knob: str, recipe: Recipe) -> tuple[Target, float]:
        """A model of the members, the same seed for all, with its accuracy, or mean absolute error, on the others."""
        if knob not in self._trained:
            job = self.job
            half = recipe.train(job.candidates.take(job.member), derived_seed(job.seed, "turned"))
            others = job.candidates.take(~job.member)
            predicted, values = half.answer(Access.LABEL, others), job.target.task is Task.REGRESSION
            self._trained[knob] = (
                half,
                float(np.mean(np.abs(predicted - others.y) if values else predicted == others.y)),
            )
        return self._trained[knob]

    def _again(
        self, attack: Attack[Any, Any], behind: tuple[Defense, ...] = (), job: Job | None = None
    ) -> tuple[Estimate, ...]:
        """The attack against the target, or another job's, behind these defences."""
        key = repr((attack.card.name, attack, behind)), job.records_fingerprint() if job is not None else ""
        if key not in self._seen:
            self._seen[key] = self._played(attack, behind, job)
        return self._seen[key]

    def _played(self, attack: Attack[Any, Any], behind: tuple[Defense, ...], other: Job | None) -> tuple[Estimate, ...]:
        tables = self.tables if other is None else Sessions(other, self.tables.tests)
        return replay(attack, tables, behind)

    def _measured(self, row: Mitigation, leak: _Leak, change: _Change) -> Mitigation:
        try:
            after, before, price = change.run_attack()
        except (AccessDenied, Impossible) as reason:
            return replace(row, reason=str(reason))
        except FOREIGN as error:  # foreign models and attacks; the run's findings do not depend on it
            return replace(row, reason=f"it broke off: {raised(error)}")
        found, known = (
            {(e.metric, e.about): e for e in estimates}.get((row.metric, row.about))
            for estimates in (after, before or ())
        )
        if found is None or found.value is None:
            return replace(row, reason="there is too little to measure it by")
        if known is not None and known.value is not None:
            row = replace(row, chance=known.chance)
        was = leak.before if known is None else _reading(known)
        return replace(row, before=was, after=_reading(found), chance_after=found.chance, price=price)


def _few(leaks: list[_Leak]) -> list[_Leak]:
    """Of each family the strongest few; of attributes those that are asked about one by one."""
    kept = []
    for family in (Family.RECONSTRUCTION, Family.PROPERTY, Family.EXTRACTION):
        found = [x for x in leaks if x.attack.card.family is family]
        if family is Family.RECONSTRUCTION:
            found = [x for x in found if " and " not in x.finding.about]
        kept += sorted(found, key=lambda x: -(x.finding.advantage_low or 0.0))[:MOST]
    return kept


def _price(before: float, after: float, task: Task) -> str:
    if task is Task.REGRESSION:
        return f"mean absolute error on unseen records {before:.3g} to {after:.3g}"
    a, b = 100 * before, 100 * after
    return f"accuracy on unseen records {b - a:+.1f} points ({a:.1f} % to {b:.1f} %)"


def _reading(of: Estimate | Finding) -> Reading:
    return Reading(of.value or 0.0, of.low or 0.0, of.high if of.high is not None else 1.0)


def mitigations_of(
    run: RunFolder, tables: Sessions, findings: Sequence[Finding], outcomes: Sequence[Outcome], budget: Budget
) -> None:
    """Into the run's folder; what an equal run has measured is not measured again.  A service is not asked again."""
    if able(tables.job.target, Meets):
        return
    leaks = [f"{f.attack} {f.metric}" for f in findings if f.verdict is Verdict.LEAK]
    kept = keeper(tables.job, run, *leaks, files=("turned.json",))
    if kept.restore():
        return
    if releases(tables.job.target):
        rows = tuple(OtherReleases(tables.job, tables.tests, lambda: budget.remaining).all(findings, outcomes))
    else:
        rows = tuple(Turning(tables.job, tables, lambda: budget.remaining, budget.model).all(findings, outcomes))
    if rows or run.mitigations():
        run.write_turned(rows)
    if not any(row.reason == NO_TIME for row in rows):
        kept.keep()
