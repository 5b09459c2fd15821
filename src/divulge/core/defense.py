"""Defences: of the data, of the training, of the interface, and of what a client sends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Protocol

from numpy.random import Generator

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access


class Stage(Enum):
    """Where a defence acts: on the training records, on a recipe's settings, on how it trains, on what a client sends,
    or on what is answered.
    """

    DATA = "data"
    SETTINGS = "settings"
    TRAINING = "training"
    UPDATE = "update"
    INTERFACE = "interface"


LOOKS = "may look at training records without noise"
"""Of a defence that says nothing of it: a bound that does not hold is worse than none."""


@dataclass(frozen=True)
class DefenseCard:
    """What a planner and a report need to know.

    shows: the strongest port that is left.  keeps_label: whether the predicted class stays what it was.
    wants: what a recipe must be able to do for a defence of its training: `fit_by`, take each step by another loss;
    `distil`, learn from scores.  needs_reference: the owner's further records, which no member is among.
    nests: whether it trains models by the recipe as it finds it, so that it may stand around another defence of the
    training.  extra: of divulge, without whose libraries it cannot be had.
    breaks_bound: why a bound by differential privacy does not survive this defence beside it, what follows the title in
    a sentence; empty for one that looks at no training record, treats each by itself, or sees only answers.
    """

    name: str
    title: str
    paper: str
    summary: str
    shows: Access = Access.SCORES
    keeps_label: bool = True
    stage: Stage = Stage.INTERFACE
    wants: str = ""
    needs_reference: bool = False
    nests: bool = False
    extra: str = ""
    breaks_bound: str = LOOKS


class Defense(Protocol):
    """Of the interface.  A frozen dataclass whose fields are its settings.

    One that needs the records has `alter_for(log_scores, records)` too, which is then called instead.
    """

    card: ClassVar[DefenseCard]

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """What is shown instead of log-scores [records, classes].

        keys: uint64 [records], equal for equal records, so that what is drawn by lot stays the same however often a
        record is asked about, and averaging over queries gains nothing.
        """
        ...


class UpdateDefense(Protocol):
    """What a client does to an update before it is sent.  A frozen dataclass whose fields are its settings."""

    card: ClassVar[DefenseCard]

    def protect(self, change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
        """What is sent instead.  change: one array for each parameter, see core.reconstruction.Update."""
        ...


class DataDefense(Protocol):
    """Of the training records.  A frozen dataclass whose fields are its settings.

    One that the model is asked through as well has `show(records)` too: what becomes of the records of a question.
    """

    card: ClassVar[DefenseCard]

    def prepare(self, records: Records, seed: int) -> Records:
        """What is trained on instead."""
        ...


class SettingsDefense(Protocol):
    """Of a recipe's settings.  A frozen dataclass whose fields are its settings."""

    card: ClassVar[DefenseCard]

    def adjust(self, recipe: Any) -> Any:
        """The recipe with other settings; raises InputError for a kind of recipe that has no such settings."""
        ...


class TrainingDefense(Protocol):
    """Of the training itself.  A frozen dataclass whose fields are its settings; one that needs further records of the
    owner's has a field `reference`.
    """

    card: ClassVar[DefenseCard]

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """A model trained on these records, by the tools of the recipe that its card wants."""
        ...


class FittedDefense(Protocol):
    """Of the interface, made for one model.  A frozen dataclass whose fields are its settings."""

    card: ClassVar[DefenseCard]

    def fitted(self, members: Array, others: Array, seed: int) -> Defense:
        """The defence for a model with these log-scores on its training records, and on records it has not seen:
        [records, classes] each.
        """
        ...
