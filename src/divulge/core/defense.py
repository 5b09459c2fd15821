"""Defences: of the interface, which change what a model answers; of an update, which change what a client sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from numpy.random import Generator

from divulge.core.hashing import Array
from divulge.core.threat import Access


@dataclass(frozen=True)
class DefenseCard:
    """What a planner and a report need to know.

    shows: the strongest port that is left.  keeps_label: whether the predicted class stays what it was.
    """

    name: str
    title: str
    paper: str
    summary: str
    shows: Access = Access.SCORES
    keeps_label: bool = True


class Defense(Protocol):
    """A frozen dataclass whose fields are its settings.

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
