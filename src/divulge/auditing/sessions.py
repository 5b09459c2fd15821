"""A table for each family of attacks: its game, what its adversary holds, how its evidence is weighed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from divulge.auditing.job import Job
from divulge.auditing.oracle import Memory
from divulge.auditing.property import property_table
from divulge.auditing.reconstruction import rebuild_table
from divulge.auditing.run_attack import Session, number_of_tests
from divulge.core.attack import Attack, Card
from divulge.core.errors import Impossible
from divulge.core.records import Records
from divulge.core.threat import Challenge, Family
from divulge.core.views.extraction import Design, ExtractionAuxiliary, Surrogate
from divulge.games.extraction import ExtractionGame
from divulge.games.membership import MembershipGame
from divulge.stats.theft import weigh_theft
from divulge.training.surrogates.students import SurrogateTrainer

RECORD_METRICS = 4
"""Findings of an attack that rebuilds records."""


class Sessions:
    """The tables of a run, each laid when the first attack of its family is played.  memory: what the target has
    answered before.
    """

    def __init__(self, job: Job, tests: int, memory: Memory | None = None) -> None:
        self.job, self.tests = job, tests
        self._memory = memory
        self._laid: dict[tuple[Family, Challenge | None], Session] = {}

    def of(self, family: Family, challenge: Challenge | None = None) -> Session:
        """The table of one family, and of one of its challenges; raises Impossible where there is no game."""
        key = (family, challenge)
        if key not in self._laid:
            if family is Family.MEMBERSHIP:
                self._laid[key] = self._membership()
            elif family is Family.EXTRACTION:
                self._laid[key] = self._extraction()
            elif family is Family.RECONSTRUCTION and challenge is not None:
                self._laid[key] = rebuild_table(self.job, challenge, self.tests)
            elif family is Family.PROPERTY and challenge is not None:
                self._laid[key] = property_table(self.job, challenge, self.tests)
            else:
                raise Impossible(f"there is no game for {family.value} yet")
        return self._laid[key]

    def _membership(self) -> Session:
        job = self.job
        game = MembershipGame(
            job.target, job.candidates, job.member, job.seed, job.recipe, job.population, job.features, job.aggregate
        )
        return self._knowing(Session(job, game, self.tests))

    def _knowing(self, table: Session) -> Session:
        """With what the target has answered already."""
        if self._memory is not None:
            table.remember(self.job.target, self._memory)
        return table

    def _extraction(self) -> Session:
        job = self.job
        students = SurrogateTrainer(job.candidates)
        held, training = job.candidates.take(~job.member), job.candidates.take(job.member)
        told = getattr(job.recipe, "settings", {})
        game = ExtractionGame(job.target, held, job.seed, job.recipe, job.population, training, students, told)
        zoo = _zoo(job.population)

        def adversary(attack: Attack[Any, Any]) -> ExtractionAuxiliary:
            return ExtractionAuxiliary(job.population, training, students, zoo)

        return self._knowing(Session(job, game, self.tests, weigh_theft, adversary))


def tests_of(job: Job, cards: Sequence[Card]) -> int:
    """How many findings of these attacks will share the error rate of a run."""
    families = [card.family for card in cards]
    asked = len(job.candidates.schema.sensitive)
    rebuilt = sum(
        asked + 1 if card.challenge is Challenge.ATTRIBUTES else RECORD_METRICS
        for card in cards
        if card.family is Family.RECONSTRUCTION
    )
    told = families.count(Family.PROPERTY) * (2 * len(job.properties.properties) + asked)
    return number_of_tests(families.count(Family.MEMBERSHIP), families.count(Family.EXTRACTION), rebuilt + told)


def _zoo(population: Records | None) -> Callable[[Sequence[Design], int], Sequence[Surrogate]] | None:
    """Networks of other designs, trained on the population; None where there is none, or no PyTorch."""
    if population is None or find_spec("torch") is None:
        return None

    def zoo(designs: Sequence[Design], seed: int) -> Sequence[Surrogate]:
        from divulge.training.surrogates.zoo import train_zoo

        return train_zoo(population, designs, seed)

    return zoo
