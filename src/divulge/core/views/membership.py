"""What an attack is given: an oracle, clues, and the knowledge that its card asked for.  Never the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from numpy.random import Generator

from divulge.core.errors import AccessDenied
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.records import Records
from divulge.core.target import Oracle
from divulge.core.threat import Knowledge, Needs


class Shadows(Protocol):
    """The adversary's own models, trained with the recipe on halves of records that the adversary holds."""

    @property
    def records(self) -> Records:
        """The records that the halves were drawn from."""
        ...

    @property
    def keep(self) -> Array:
        """Bool [models, records]: which record each model was trained on."""
        ...

    def __len__(self) -> int: ...

    def trained_on(self, records: Records) -> Array:
        """Bool [models, records]: which of these records each model was trained on."""
        ...

    def oracle(self, model: int) -> Oracle:
        """One of the models, seen through the same access as the target; asking it is free."""
        ...

    def updated(self, model: int, records: Records, how: tuple[int, float, int]) -> Oracle:
        """The next version of one of them, trained further with these records.  how: steps, rate and epochs.

        Raises Impossible for models that are not trained further.
        """
        ...

    def signals(self, records: Records, signal_of: Callable[[Array, Array], Array]) -> Array:
        """`signal_of(log_scores [records, classes], y [records])` of every model: [models, records]."""
        ...

    def token_signals(self, records: Records, signal_of: Callable[[TokenScores], Array]) -> Array:
        """`signal_of(token scores)` [texts] of every model, which are language models: [models, texts]."""
        ...


@dataclass(frozen=True)
class Auxiliary:
    """What this adversary holds besides the oracle.  `shadows(n)` trains, or remembers, n shadow models;
    `students(oracle)` lets a model of the recipe learn from what an oracle says of the population records;
    `reference()` is a language model that never saw the candidates.
    """

    population: Records | None = None
    shadows: Callable[[int], Shadows] | None = None
    students: Callable[[Oracle], Sequence[Oracle]] | None = None
    reference: Callable[[], Oracle] | None = None


@dataclass(frozen=True, eq=False)
class MembershipGuess:
    """scores: [candidates], higher means more likely a member.  tie_break orders candidates with equal scores.

    about: bool [candidates], which of them the guess is about, chosen before anything was asked; None for all.
    """

    scores: Array
    tie_break: Array | None = None
    about: Array | None = None


@dataclass(frozen=True)
class PoisonView:
    """What an adversary who contributes training records is given before the training.

    candidates: the records in question; who of them will be trained on is not known.  size: of the training set.
    """

    candidates: Records
    size: int
    rng: Generator


@dataclass(frozen=True)
class Poison:
    """records: what is added to the training data.  about: bool [candidates], whom they are aimed at."""

    records: Records
    about: Array


def demand(needs: Needs, fact: Knowledge) -> None:
    """Raises AccessDenied where a card does not ask for this knowledge."""
    if fact not in needs.knowledge:
        raise AccessDenied(f"the attack's card does not ask to know {fact.value}: add it to `needs.knowledge`")


@dataclass(frozen=True)
class MembershipView:
    """The membership game as an attack sees it.

    candidates: the records in question, shuffled, with their targets; who was a member is not here.
    poison: what this adversary contributed to the training data; None for one who only looks.
    """

    target: Oracle
    candidates: Records
    rng: Generator
    needs: Needs
    _means: Auxiliary = field(default_factory=Auxiliary, repr=False)
    poison: Poison | None = None

    def _demand(self, fact: Knowledge) -> None:
        demand(self.needs, fact)

    @property
    def population(self) -> Records:
        """Records from the same population, none of them a candidate."""
        self._demand(Knowledge.POPULATION)
        if self._means.population is None:
            raise AccessDenied("the audit was given no population records")
        return self._means.population

    def shadows(self, models: int) -> Shadows:
        """Shadow models; the same ones for every attack of a run."""
        self._demand(Knowledge.RECIPE)
        if self._means.shadows is None:
            raise AccessDenied("the audit was given no recipe and no shadow models")
        return self._means.shadows(models)

    @property
    def reference(self) -> Oracle:
        """A language model that never saw the candidates, what the target was tuned from say; asking it is free."""
        self._demand(Knowledge.REFERENCE)
        if self._means.reference is None:
            raise AccessDenied("the audit was given no reference model")
        return self._means.reference()

    @property
    def any_reference(self) -> Oracle | None:
        """The same for an attack that does without: None where the audit was given none."""
        return None if self._means.reference is None else self._means.reference()

    def students(self, oracle: Oracle) -> Sequence[Oracle]:
        """A model of the recipe that learns from the scores which an oracle gives to the population records, as it was
        after every few epochs, the last one included.  Cost: one query for each population record.
        """
        self._demand(Knowledge.RECIPE)
        self._demand(Knowledge.POPULATION)
        if self._means.students is None:
            raise AccessDenied("the audit was given no recipe that learns from scores")
        return self._means.students(oracle)
