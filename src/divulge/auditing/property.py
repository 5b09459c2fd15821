"""The tables of property inference: of training sets, of batches behind updates, of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from divulge.auditing.job import Job
from divulge.auditing.oracle import GrantedOracle
from divulge.auditing.reconstruction import protected
from divulge.auditing.run_attack import Session
from divulge.core.attack import Attack
from divulge.core.errors import Impossible, InputError
from divulge.core.game import Game
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Challenge
from divulge.core.views.property import PropertyAuxiliary
from divulge.games.batches import BatchGame
from divulge.games.inputs import InputGame
from divulge.games.properties import PropertyGame, Raise
from divulge.games.sides import Side
from divulge.training.shadow import Answers, Remembered, presented


def property_table(job: Job, challenge: Challenge, tests: int) -> Session:
    """A game of property inference laid out; raises Impossible where what it needs was not given."""
    if job.population is None:
        raise Impossible("the adversary needs records of its own, disjoint from the audited ones: pass `population`")
    lay = {Challenge.TRAINING_SET: _training_sets, Challenge.BATCH: _batches, Challenge.INPUTS: _inputs}[challenge]
    try:
        game = lay(job, Side.of(job.population))
    except InputError as reason:  # too few records for this property, say: the other attacks go on
        raise Impossible(str(reason)) from reason

    def adversary(attack: Attack[Any, Any]) -> PropertyAuxiliary:
        needed = attack.card.uses or attack.card.needs.access
        return PropertyAuxiliary(lambda target: GrantedOracle(target, job.threat, needed, free=True))

    return Session(job, game, tests, adversary)


def _training_sets(job: Job, adversary: Side) -> PropertyGame:
    members = job.candidates.take(job.member)
    return PropertyGame(
        job.target, Side.of(job.candidates), adversary, Side.of(members), raised(job), job.seed, job.properties
    )


def set_sizes(job: Job) -> list[int]:
    """How many records the training sets of each property will have; empty where the game cannot be laid."""
    if job.population is None or job.candidates.schema.names == ("row",):
        return []
    try:
        game = _training_sets(job, Side.of(job.population))
    except (InputError, Impossible):
        return []
    return [design.size for design in game.designs]


def raised(job: Job) -> Raise | None:
    """What trains models of the job's recipe and remembers their answers; None where there is no recipe."""
    recipe = job.recipe
    if recipe is None:
        return None
    answers = Answers(job.resources.artifact_cache if getattr(recipe, "cacheable", False) else None)

    def models(records: Records, keep: Array, seeds: Sequence[int]) -> list[Target]:
        found = dict(recipe.train_many(records, keep, seeds))
        keys = [
            digest("property", recipe.fingerprint(), records.fingerprint(), keep[n], str(seeds[n]), presented(found[n]))
            for n in range(len(keep))
        ]
        return [remembered(found[n], keys[n], answers) for n in range(len(keep))]

    return models


def remembered(target: Target, key: str, answers: Answers) -> Target:
    """A model whose answers are remembered, and which can be looked into where the model itself can; a generator as it
    is.
    """
    if Access.SAMPLES in target.offers:
        return target
    return _Open(target, key, answers) if hasattr(target, "model") else Remembered(target, key, answers)


class _Open(Remembered):
    """A remembered model with its parameters."""

    @property
    def model(self) -> Any:
        """The bare model."""
        return self.target.model  # type: ignore[attr-defined]


def _batches(job: Job, adversary: Side) -> Game:
    protections = job.reconstruction.protections
    shield = partial(protected, protections) if protections else None
    return BatchGame(job.target, Side.of(job.candidates), adversary, job.seed, job.properties, shield)


def _inputs(job: Job, adversary: Side) -> Game:
    unseen = job.candidates.take(np.flatnonzero(~job.member))
    return InputGame(job.target, Side.of(unseen), adversary, job.seed, job.properties, job.reconstruction.plan.layer)
