"""Of attacks: what their numbers say beyond their card.  And of the games and oracles that they meet."""

from __future__ import annotations

from typing import Any, Protocol

from divulge.core.attack import Attack
from divulge.core.capability.declared import able
from divulge.core.results.trials import Scored
from divulge.core.views.membership import Poison, PoisonView


class Poisons(Protocol):
    """An attack that adds records to the training data."""

    def poison(self, view: PoisonView) -> Poison:
        """What it contributes, planned before anything was trained."""
        ...


class ChoosesShadows(Protocol):
    """An attack that can use more or fewer shadow models."""

    shadows: int


class Stops(Protocol):
    """An attack that stops by itself: after so many queries, or at each of several numbers."""

    queries: int | tuple[int, ...]


class Repeats(Protocol):
    """An attack that repeats the training so many times."""

    trainings: int


class CountsFeatures(Protocol):
    """A game that knows how many numbers a guesser without the model sees of a record."""

    def features_guessed_from(self) -> int:
        """The columns of what it is fitted on."""
        ...


class AsksReference(Protocol):
    """A game with a model that never saw either side, which then tells them apart no better than a guesser does."""

    def by_the_reference(self) -> Scored | None:
        """What it tells; None where there is no such model."""
        ...


class TellsBaseline(Protocol):
    """A game that can say what tells its two sides apart without the model."""

    def most_telling(self) -> tuple[str, float] | None:
        """A column, and how well it does alone (AUC)."""
        ...


class Budgeted(Protocol):
    """An oracle that tells how many distinct records may be asked about; None is without limit."""

    budget: int | None


def shadows_of(attack: Attack[Any, Any]) -> int:
    """How many shadow models an attack uses: its own choice where it has one, else what its card says."""
    return int(attack.shadows) if able(attack, ChoosesShadows) else attack.card.models


def stops_of(attack: object) -> int | tuple[int, ...] | None:
    """After how many queries an attack stops, or at each of several numbers; None where it does not say."""
    return attack.queries if able(attack, Stops) else None


def trainings_of(attack: object) -> int:
    """How often an attack repeats the training: never, unless it says so."""
    return int(attack.trainings) if able(attack, Repeats) else 0
