"""The sessions of a run, each laid when the first attack on its challenge is played."""

from __future__ import annotations

from collections.abc import Sequence

from divulge.auditing.challenge_table import spec_of
from divulge.auditing.job import Job
from divulge.auditing.oracle import Memory
from divulge.auditing.session import Session
from divulge.core.attack import Card
from divulge.core.threat import Challenge


class Sessions:
    """memory: what the target has answered before."""

    def __init__(self, job: Job, tests: int, memory: Memory | None = None) -> None:
        self.job, self.tests = job, tests
        self._memory = memory
        self._laid: dict[Challenge, Session] = {}

    def of(self, card: Card) -> Session:
        """The session that an attack with this card plays in; raises Impossible where there is no game."""
        challenge = card.played_as
        if challenge not in self._laid:
            spec = spec_of(card)
            game, adversary = spec.lay(self.job)
            session = Session(self.job, game, self.tests, spec, adversary)
            if self._memory is not None and spec.shares_answers:
                session.remember(self.job.target, self._memory)
            self._laid[challenge] = session
        return self._laid[challenge]


def findings_expected(job: Job, cards: Sequence[Card]) -> int:
    """How many findings of these attacks will share the error rate of a run."""
    return max(1, sum(spec_of(card).tests(card, job) for card in cards))
