"""A whole audit within the time there is: what each attack is expected to tell and to cost, the best first.

An attack is worth what it is expected to add to what is known already: its strength, halved for every attack on the
same challenge that ran before it, because the second attack on one secret tells less than the first.  Every family
gets the attack that is worth most a second, the quickest of these first, before any family gets its second; afterwards
the next attack is the one that is worth most a second among those that fit.  Costs are estimates from the size of the
job, from one model that is trained to see how long that takes, and from what attacks of the same family took so far.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from divulge.auditing.challenge_table import spec_of
from divulge.auditing.handshake import places_of
from divulge.auditing.job import BoundRecipe, Job
from divulge.auditing.plan import Planned, queries_of
from divulge.core.capability.declared import able
from divulge.core.capability.recipes import CountsSteps
from divulge.core.errors import FOREIGN, DivulgeError
from divulge.core.hashing import derived_seed
from divulge.core.results.audit_result import LeftOut
from divulge.core.results.finding import Outcome, Played
from divulge.core.threat import Access, Challenge, Family

AGAIN = 0.5
"""What an attack is worth after another on the same challenge."""

TOGETHER = 0.6
"""Of the time that models take one by one, when many are trained: cores and stacks share the work."""

ALONE = 4
"""Up to so many models, which controls are, are trained one by one."""

TRIED = 0.1
"""Of the steps of a network's training: what is tried to see how long it takes."""

USUAL_SIZE = 10_000
LEAST = 0.02
TRUSTED = 10.0
"""Seconds for which the estimates are trusted before what attacks took counts for more."""

SHARE_OF_THE_END = 0.15
"""Of the time: for saying why it leaks, once the attacks have been played."""


@dataclass
class Budget:
    """What is left of the minutes, and in which order the attacks of a plan are played.

    minutes: None for as long as it takes, in the order of the plan.  model: seconds to train one model.  query: seconds
    for the answer to one record.  passed: seconds of the minutes that are over when the budget is drawn up.
    """

    job: Job
    planned: Sequence[Planned]
    minutes: float | None
    left_out: list[LeftOut] = field(default_factory=list)
    model: float = 0.0
    query: float = 0.0
    passed: float = 0.0
    _started: float = field(default_factory=lambda: time.perf_counter())  # noqa: PLW0108  # looked up when it is called
    _taken: dict[Family, tuple[float, float]] = field(default_factory=dict)
    _trained: dict[str, int] = field(default_factory=dict)
    _played: dict[Challenge, int] = field(default_factory=dict)
    _needed: dict[str, tuple[str, int]] = field(default_factory=dict)

    def order(self, done: Sequence[str] = ()) -> Iterator[Planned]:
        """The attacks to play, one after the other; `spent` is to be called after each.  done: those played before."""
        waiting = [p for p in self.planned if p.card.name not in done]
        for step in [p for p in self.planned if p.card.name in done]:
            self._count(step)
        if self.minutes is None:
            yield from waiting
            return
        yield from [p for p in waiting if p.lacks]
        waiting = [p for p in waiting if not p.lacks]
        self._try_out(waiting)
        while waiting:
            found = self._next(waiting)
            if found is None:
                break
            waiting.remove(found)
            yield found
        self.left_out = [self._leave(step) for step in waiting]

    def spent(self, step: Planned, outcome: Outcome) -> None:
        """Learn from what an attack took; from one that could not run there is nothing to learn."""
        if self.minutes is None or not isinstance(outcome.result, Played):
            return
        family = step.card.family
        took, expected = self._taken.get(family, (0.0, 0.0))
        self._taken[family] = took + outcome.seconds, expected + self._expected(step)
        self._count(step)

    def seconds(self, step: Planned) -> float:
        """What an attack is expected to take, going by what others of its family took."""
        took, expected = self._taken.get(step.card.family, (0.0, 0.0))
        return max(LEAST, self._expected(step) * (took + TRUSTED) / (expected + TRUSTED))

    def _expected(self, step: Planned) -> float:
        pool, models = self._models(step)
        new = max(0, models - self._trained.get(pool, 0))
        own = step.card.seconds * len(self.job.candidates) / USUAL_SIZE
        asked = queries_of(step.attack, len(self.job.candidates)) or 0
        share = TOGETHER if new > ALONE else 1.0
        return own + share * new * self.model + asked * self.query

    @property
    def left(self) -> float:
        """Seconds for attacks."""
        assert self.minutes is not None
        return 60 * self.minutes * (1 - SHARE_OF_THE_END) - self._over

    @property
    def remaining(self) -> float | None:
        """Seconds for everything; None for as long as it takes."""
        return None if self.minutes is None else 60 * self.minutes - self._over

    def fits(self, models: int) -> bool:
        """Whether there is time to train so many models."""
        return self.remaining is None or TOGETHER * models * self.model <= self.remaining

    @property
    def _over(self) -> float:
        return self.passed + time.perf_counter() - self._started

    def _try_out(self, waiting: Sequence[Planned]) -> None:
        """How long an answer and a training take; what goes wrong here is said by the attacks."""
        job = self.job
        try:
            some = job.candidates.take(places_of(job)[:64])
            started = time.perf_counter()
            job.target.answer(Access.LABEL if Access.LABEL in job.target.offers else Access.SCORES, some)
            self.query = (time.perf_counter() - started) / len(some)
        except DivulgeError:
            self.query = 0.0
        if job.recipe is None or not any(self._models(step)[1] for step in waiting):
            return
        inner = job.recipe.recipe if isinstance(job.recipe, BoundRecipe) else None
        members, seed = job.candidates.take(job.member), derived_seed(job.seed, "how long a training takes")
        started, share = time.perf_counter(), 1.0
        try:
            if able(inner, CountsSteps):
                steps = inner.steps(len(members))
                share = math.ceil(TRIED * steps) / steps
                inner.fit(members, seed, steps=math.ceil(TRIED * steps))  # type: ignore[attr-defined]
            else:
                job.recipe.train(members, seed)
        except FOREIGN:  # foreign code; the attacks that train models will say what it was
            return
        self.model = (time.perf_counter() - started) / share

    def _next(self, waiting: Sequence[Planned]) -> Planned | None:
        """The first attack of a family that has had none, as long as one fits; then what is worth most a second."""
        left = self.left
        fitting = [p for p in waiting if self.seconds(p) <= left]
        missing = {p.card.family for p in fitting} - {challenge.family for challenge in self._played}
        firsts = [max((p for p in fitting if p.card.family is family), key=self._worth) for family in missing]
        if firsts:
            # The quickest first: what takes longer than expected is at the expense of as few families as can be.
            return min(firsts, key=lambda step: (self.seconds(step), step.card.name))
        return max(fitting, key=self._worth, default=None)

    def _worth(self, step: Planned) -> float:
        """Expected information a second."""
        card = step.card
        before = self._played.get(card.played_as, 0)
        return card.strength * AGAIN**before / self.seconds(step)

    def _models(self, step: Planned) -> tuple[str, int]:
        """Models that an attack needs, and the name of the pool that it shares with others."""
        key = repr((step.card.name, step.attack))
        if key not in self._needed:
            self._needed[key] = spec_of(step.card).models(step.attack, self.job)
        return self._needed[key]

    def _count(self, step: Planned) -> None:
        pool, models = self._models(step)
        self._trained[pool] = max(self._trained.get(pool, 0), models)
        challenge = step.card.played_as
        self._played[challenge] = self._played.get(challenge, 0) + 1

    def _leave(self, step: Planned) -> LeftOut:
        need, left = self.seconds(step), max(0.0, self.left)
        reason = (
            f"it needs about {_time(need)}, and of the {self.minutes:g} minutes {_time(left)} were left for attacks"
        )
        return LeftOut(step.card.name, step.card.title, step.card.family.value, reason)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
