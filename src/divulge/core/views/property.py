"""The property game as an attack sees it: what is asked about a training set, and what may be handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.errors import AccessDenied
from divulge.core.hashing import Array
from divulge.core.records import Records, Schema
from divulge.core.target import Oracle, Target
from divulge.core.threat import Behavior, Knowledge, Needs
from divulge.core.views.membership import demand


@dataclass(frozen=True, eq=False)
class Cohort:
    """Models whose training sets the adversary drew.

    values: [models], the property of each one's training set.  dials: [models], what it was drawn by.  half: [models],
    0 or 1: models of one half share no training record with those of the other; all 0 where there are too few records.
    """

    oracles: tuple[Oracle, ...]
    values: Array
    dials: Array
    half: Array

    def __len__(self) -> int:
        return len(self.oracles)

    def folds(self, count: int = 5) -> list[tuple[Array, Array]]:
        """Rows to learn from and rows to be judged by: across the halves, so that what is told by single records, which
        another half does not have, is not taken for a sign of the property.
        """
        if len(np.unique(self.half)) == 2:
            sides = [np.flatnonzero(self.half == h) for h in (0, 1)]
            return [(sides[0], sides[1]), (sides[1], sides[0])]
        rows = np.arange(len(self))
        return [(rows[rows % count != k], rows[rows % count == k]) for k in range(min(count, len(self)))]


@dataclass(frozen=True)
class PropertyAuxiliary:
    """see: a model through this adversary's eyes."""

    see: Callable[[Target], Oracle]


@dataclass(frozen=True)
class PropertyQuestion:
    """Which value does a property have in the training set of each of these models?

    text: the property.  pairs: values that are to be told apart, [(low, high)].  low, high: between which it may lie.
    victims: the models asked about; the audited one, where it is asked about too, is the last.  queries: records that
    the adversary holds and that no model here was trained on.  flags: bool [queries], which of them are of the kind
    whose share is asked about; None where the property is not about a kind of records.
    """

    text: str
    pairs: tuple[tuple[float, float], ...]
    low: float
    high: float
    victims: tuple[Oracle, ...]
    queries: Records
    flags: Array | None
    needs: Needs
    rng: Generator
    _shadows: Callable[[], Cohort] | None = field(default=None, repr=False)
    _poisoned: Callable[[Records], PropertyQuestion] | None = field(default=None, repr=False)
    training_size: int = 0

    @property
    def schema(self) -> Schema:
        """Of the records."""
        return self.queries.schema

    def shadows(self) -> Cohort:
        """The adversary's own models, trained with the recipe; the same ones for every attack on a property."""
        demand(self.needs, Knowledge.RECIPE)
        if self._shadows is None:
            raise AccessDenied("the audit was given no recipe to train models with")
        return self._shadows()

    def poisoned(self, records: Records) -> PropertyQuestion:
        """The same question where the adversary contributed these records to every training set."""
        if self.needs.behavior is not Behavior.ACTIVE:
            raise AccessDenied("only an active adversary contributes records: say so on the card")
        assert self._poisoned is not None
        return self._poisoned(records)

    @property
    def groups(self) -> list[Array]:
        """Bool [queries] each: the kind and the rest, or all where the property is not about a kind."""
        everything = np.ones(len(self.queries), dtype=bool)
        return [everything] if self.flags is None else [self.flags, ~self.flags]

    @property
    def middle(self) -> float:
        """Half way between the bounds: the guess of one who knows no more than them."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, eq=False)
class PropertyAnswer:
    """scores: for each pair [victims], above 0 for the higher value.  estimates: [victims], the value itself.

    low, high: [victims], an interval that holds the value in `confidence` of cases.  told: what was done, in words.
    """

    scores: tuple[Array, ...]
    estimates: Array | None = None
    low: Array | None = None
    high: Array | None = None
    confidence: float = 0.95
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class PropertyView:
    """questions: each about one property, to be answered for itself."""

    questions: tuple[PropertyQuestion, ...]

    def answered(self, by: Callable[[PropertyQuestion], PropertyAnswer]) -> PropertyGuess:
        """Every question by one function."""
        return PropertyGuess(tuple(by(question) for question in self.questions))


@dataclass(frozen=True, eq=False)
class PropertyGuess:
    """answers: one for each question."""

    answers: tuple[PropertyAnswer, ...]


@dataclass(frozen=True)
class BatchQuestion:
    """A federated training seen from another participant: which updates come from batches with records of a kind?

    changes: for each trial an update by parameter, as in core.reconstruction.Update.  rounds: [trials], in which each
    was sent.  own, flags: records that the adversary holds, and which of them are of the kind.  batch: records of an
    update.  share: of the kind, in a batch that holds any.
    """

    text: str
    changes: tuple[tuple[Array, ...], ...]
    rounds: Array
    own: Records
    flags: Array
    batch: int
    share: float
    needs: Needs
    rng: Generator
    _update: Callable[[int, Records, Any], tuple[Array, ...]] = field(repr=False)
    _model: Callable[[int], Any] = field(repr=False)
    _ask: Callable[[int, Any], list[tuple[Array, ...]]] = field(repr=False)

    def update(self, number: int, records: Records, module: Any = None) -> tuple[Array, ...]:
        """What a client would send who trains the module of a round (or another one) on records of one's own."""
        return self._update(number, records, module)

    def model(self, number: int) -> Any:
        """The module of a round, which every participant gets."""
        return self._model(number)

    def ask(self, number: int, module: Any) -> list[tuple[Array, ...]]:
        """The updates of a round's trials, computed on a module that the adversary brought about."""
        if self.needs.behavior is not Behavior.ACTIVE:
            raise AccessDenied("only an active participant changes the model that clients train")
        return self._ask(number, module)


@dataclass(frozen=True)
class BatchView:
    """questions: each about one property, to be answered for itself."""

    questions: tuple[BatchQuestion, ...]


@dataclass(frozen=True, eq=False)
class BatchGuess:
    """scores: for each question [trials], higher where the batch more likely holds records of the kind."""

    scores: tuple[Array, ...]
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class InputQuestion:
    """Which attribute has the input, told from what the model makes of it?

    features: by name, [records, numbers], what is computed of the records asked about.  known: the same of the
    adversary's own records.  values: [known], codes of the attribute.  count: how many there are.  control_values: of a
    control task, an attribute drawn by lot for every kind of input (Hewitt and Liang 2019).
    """

    name: str
    features: dict[str, Array]
    known: dict[str, Array]
    values: Array
    count: int
    control_values: Array
    needs: Needs
    rng: Generator


@dataclass(frozen=True)
class InputView:
    """questions: each about one attribute, to be answered for itself."""

    questions: tuple[InputQuestion, ...]


@dataclass(frozen=True, eq=False)
class InputAnswer:
    """choices: by name of what it was told from, [records], codes of the attribute.  controls: of the control task."""

    choices: dict[str, Array]
    controls: dict[str, Array]


@dataclass(frozen=True, eq=False)
class InputGuess:
    """answers: one for each question."""

    answers: tuple[InputAnswer, ...]


def each(oracles: Sequence[Oracle], of: Callable[[Oracle], Array]) -> Array:
    """`of(oracle) -> [features]` for every model: [models, features]."""
    return np.stack([of(oracle) for oracle in oracles])
