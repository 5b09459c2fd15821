"""A game laid out for a run: what it is played with, and what is shared by the attacks that play it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from divulge.auditing.challenge import Adversary, ChallengeSpec
from divulge.auditing.job import Job, See
from divulge.auditing.oracle import GrantedOracle, Memory
from divulge.core.attack import Attack
from divulge.core.capability.attacks import Poisons
from divulge.core.capability.declared import able
from divulge.core.capability.recipes import teachable
from divulge.core.errors import Impossible, TargetError
from divulge.core.game import Arm, Game, Round
from divulge.core.hashing import derived_rng, derived_seed, digest
from divulge.core.target import Oracle, Target
from divulge.core.views.extraction import Surrogate
from divulge.core.views.membership import Auxiliary, Poison, PoisonView, Shadows


@dataclass
class Session:
    """A game laid out: its rounds are dealt once and its models answer once, for all attacks of a run.

    spec: of the challenge that it is about.  adversary: what an attack holds, where it is not `Auxiliary`.
    copies: of the target, by the attack that made them.
    """

    job: Job
    game: Game
    tests: int
    spec: ChallengeSpec
    adversary: Adversary | None = None
    copies: dict[str, Surrogate] = field(default_factory=dict)
    _rounds: dict[tuple[Arm, str], list[Round[Any, Any]] | Impossible] = field(default_factory=dict)
    _pools: dict[str, Callable[[int, See], Shadows]] = field(default_factory=dict)
    _memories: dict[int, Memory] = field(default_factory=dict)
    _taught: dict[str, list[Target]] = field(default_factory=dict)

    def rounds(self, arm: Arm, poison: Poison | None = None) -> list[Round[Any, Any]]:
        """The rounds of an arm; raises Impossible, always with the same reason, where it cannot be played."""
        key = (arm, poison.records.fingerprint() if poison is not None else "")
        if key not in self._rounds:
            try:
                self._rounds[key] = list(self.game.deal(arm, poison))
            except (Impossible, TargetError) as reason:
                self._rounds[key] = Impossible(str(reason))
        dealt = self._rounds[key]
        if isinstance(dealt, Impossible):
            raise dealt
        return dealt

    def remember(self, target: Target, memory: Memory) -> None:
        """What this target, which must live as long as the table, has answered before."""
        self._memories[id(target)] = memory

    def oracle(self, target: Target, attack: Attack[Any, Any], free: bool) -> GrantedOracle:
        """The target through this attack's eyes."""
        memory = self._memories.setdefault(id(target), Memory())
        return GrantedOracle(target, self.job.threat, attack.card.uses or attack.card.needs.access, memory, free)

    def poison(self, attack: Attack[Any, Any]) -> Poison | None:
        """What an attack adds to the training data, the same in every arm; None for one that only looks."""
        rng = derived_rng(self.job.seed, attack.card.name, "poison")
        if not able(attack, Poisons):
            return None
        return attack.poison(PoisonView(self.job.candidates, int(self.job.member.sum()), rng))

    def means(self, attack: Attack[Any, Any], poison: Poison | None = None) -> Any:
        """What the adversary of this attack holds."""
        job = self.job
        if self.adversary is not None:
            return self.adversary(attack)

        def shadows(models: int) -> Shadows:
            needed = attack.card.needs.access
            pool = self._pool(poison)
            return pool(models, lambda target: GrantedOracle(target, job.threat, needed, free=True))

        taught = teachable(job.recipe) and job.population is not None
        return Auxiliary(
            job.population,
            shadows if job.shadows is not None else None,
            partial(self._students, attack) if taught else None,
            partial(self._reference, attack) if job.reference is not None else None,
        )

    def _reference(self, attack: Attack[Any, Any]) -> Oracle:
        """The model that never saw the candidates; it is the adversary's own, so that asking it is free."""
        assert self.job.reference is not None
        return self.oracle(self.job.reference, attack, free=True)

    def _pool(self, poison: Poison | None) -> Callable[[int, See], Shadows]:
        """The shadow models of an adversary who contributed these records, trained with them; one pool for all arms."""
        assert self.job.shadows is not None
        if poison is None or self.job.poisoned is None:
            return self.job.shadows
        key = poison.records.fingerprint()
        if key not in self._pools:
            self._pools[key] = self.job.poisoned(poison.records)
        return self._pools[key]

    def _students(self, attack: Attack[Any, Any], teacher: Oracle) -> list[Oracle]:
        """Students of one model, taught once for all arms and attacks."""
        job, population = self.job, self.job.population
        assert population is not None
        log_scores = teacher.log_scores(population)
        key = digest(log_scores)
        if key not in self._taught:
            recipe: Any = job.recipe
            self._taught[key] = recipe.distil(population, log_scores, derived_seed(job.seed, "student"))
        needed = attack.card.needs.access
        return [GrantedOracle(student, job.threat, needed, free=True) for student in self._taught[key]]
