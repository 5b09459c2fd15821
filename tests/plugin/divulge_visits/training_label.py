"""A challenge with its game: which label did a known training record have?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.plugin import (
    Arm,
    Array,
    Card,
    Challenge,
    ChallengeSpec,
    ControlModels,
    Evidence,
    Family,
    Impossible,
    Job,
    Oracle,
    Paired,
    Poison,
    Records,
    Round,
    Scored,
    Target,
    TargetError,
)
from divulge_visits.labels_inferred import METRIC

CHALLENGE = Challenge(Family.RECONSTRUCTION, "the label of a known training record")


@dataclass(frozen=True)
class LabelView:
    """The oracle, and training records whose labels are not here: all are 0."""

    target: Oracle
    records: Records
    rng: Generator


@dataclass
class LabelGame:
    """training: the records that are asked about.  population: what a guesser without the model learns from."""

    target: Target
    training: Records
    population: Records
    models: ControlModels

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.RECONSTRUCTION

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[LabelView, Array]]:
        """One round."""
        target = self.target if arm is Arm.TARGET else self.models.model(arm)
        hidden = self.training.relabeled(np.zeros(len(self.training), dtype=np.int64))

        def open_view(oracle: Oracle, card: Card, held: Any, rng: Generator) -> LabelView:
            return LabelView(oracle, hidden, rng)

        yield Round(target, open_view, self.judge)

    def baseline(self) -> Iterator[Scored]:
        """It is compared with the nearest record of the population, trial by trial."""
        raise Impossible("each label is compared with that of the nearest population record")

    def judge(self, guess: Array) -> Evidence:
        """guess: class codes [records]."""
        if np.shape(guess) != (len(self.training),):
            raise TargetError(f"the attack guessed labels of shape {np.shape(guess)}")
        right = tuple(map(float, np.asarray(guess) == self.training.y))
        blind = tuple(map(float, self.nearest() == self.training.y))
        measured = Paired(METRIC.key, right, blind, tuple(range(len(right))), "the very label")
        return Evidence((measured,), baseline="the label of the nearest population record")

    def nearest(self) -> Array:
        """[records]."""
        seen, asked = self.population.features(), self.training.features()
        apart = ((asked[:, None] - seen[None]) ** 2).sum(axis=2)
        return np.asarray(self.population.y[apart.argmin(axis=1)])


def _lay(job: Job) -> tuple[LabelGame, None]:
    if job.population is None:
        raise Impossible("the labels of training records are guessed beside population records: pass `population`")
    training = job.candidates.take(job.member)
    models = ControlModels(job.recipe, training, job.population, job.seed)
    return LabelGame(job.target, training, job.population, models), None


SPEC = ChallengeSpec(
    CHALLENGE,
    _lay,
    models=lambda attack, job: ("training labels", 2),
    tests=lambda card, job: 1,
    lacks=lambda card, job: [] if job.population is not None else ["the audit was given no population records"],
    queries=lambda attack, records: records,
)
