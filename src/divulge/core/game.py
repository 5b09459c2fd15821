"""The game: sets the challenge, keeps the secret, judges the guess."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.results.trials import Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Family
from divulge.core.views.membership import Poison

View = TypeVar("View")
Guess = TypeVar("Guess")


class Arm(Enum):
    """Which model is played against."""

    TARGET = "target"
    NEGATIVE = "negative control"
    POSITIVE = "positive control"


@dataclass(frozen=True)
class Round(Generic[View, Guess]):
    """One model to attack.

    open: makes the attack's view from its oracle, its card, what the adversary holds, and a generator.
    judge: turns the guess into evidence (Evidence for membership, Theft for extraction); the truth lives in its
    closure, out of the attack's reach.
    """

    target: Target
    open: Callable[[Oracle, Card, Any, Generator], View]
    judge: Callable[[Guess], Any]


class Game(Protocol):
    """One a family."""

    @property
    def family(self) -> Family:
        """Which attacks can play it."""
        ...

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterable[Round[Any, Any]]:
        """The rounds of one arm; raises Impossible where that arm cannot be played.

        poison: what the adversary adds to the training data; the model is then trained anew with it.
        """
        ...

    def baseline(self) -> Iterable[Scored]:
        """What can be guessed without the model, by several guessers; raises Impossible where that cannot be known."""
        ...
