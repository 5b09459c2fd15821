"""Property inference: of training sets, of batches behind updates, of inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from divulge.auditing.challenge import Adversary, ChallengeSpec, asks_everything
from divulge.auditing.challenges.reconstruction import protected
from divulge.auditing.job import Job
from divulge.auditing.oracle import GrantedOracle
from divulge.core.attack import Attack, Card
from divulge.core.capability.declared import able
from divulge.core.capability.recipes import reusable
from divulge.core.capability.targets import HasModel
from divulge.core.errors import Impossible, InputError
from divulge.core.game import Game
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Challenge, Phase
from divulge.core.views.property import PropertyAuxiliary
from divulge.games.batches import BatchGame
from divulge.games.inputs import InputGame
from divulge.games.properties import PropertyGame, Raise
from divulge.games.sides import Side
from divulge.training.shadow import Answers, Remembered, presented


def _laid(lay: Callable[[Job, Side], Game], job: Job) -> tuple[Game, Adversary]:
    """A game, with an adversary who sees other models as the target; raises Impossible without population records."""
    if job.population is None:
        raise Impossible("the adversary needs records of its own, disjoint from the audited ones: pass `population`")
    try:
        game = lay(job, Side.of(job.population))
    except InputError as reason:  # too few records for this property, say: the other attacks go on
        raise Impossible(str(reason)) from reason

    def adversary(attack: Attack[Any, Any]) -> PropertyAuxiliary:
        needed = attack.card.uses or attack.card.needs.access
        return PropertyAuxiliary(lambda target: GrantedOracle(target, job.threat, needed, free=True))

    return game, adversary


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
    answers = Answers(job.resources.artifact_cache if reusable(recipe) else None)

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
    return _Open(target, key, answers) if able(target, HasModel) else Remembered(target, key, answers)


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


ARMS = 1.75
"""Models of a property game over its victims and shadow models: both controls have half as many victims, the easiest
case half as many shadow models besides.
"""


def _lacks(card: Card, job: Job) -> list[str]:
    named = bool(job.properties.properties)
    if card.challenge is Challenge.INPUTS:
        named = named or bool(job.candidates.schema.sensitive)
    lacks = [] if named else ["no property is asked about: name some, `properties=[\"share(sex == 'Female')\"]` say"]
    if card.challenge is Challenge.TRAINING_SET and job.recipe is None:
        lacks.append("the audit was given no recipe to train models on other sets with: pass `recipe`")
    return lacks


def _models_of_sets(attack: Attack[Any, Any], job: Job) -> tuple[str, int]:
    """Those that learn from fewer records than the audited one count for less."""
    plan, members = job.properties, int(job.member.sum())
    sizes = set_sizes(job) or [members] * max(1, len(plan.properties))
    own = (
        attack.card.name if attack.card.needs.phase is Phase.TRAINING else ""
    )  # its models learn from its records, too
    return f"property {own}", round((plan.victims + plan.shadows) * ARMS * sum(sizes) / max(1, members))


def _no_models(attack: Attack[Any, Any], job: Job) -> tuple[str, int]:
    return str(attack.card.challenge), 0


def _tests(card: Card, job: Job) -> int:
    return 2 * len(job.properties.properties) + len(job.candidates.schema.sensitive)


def _queries(attack: Attack[Any, Any], records: int) -> int | None:
    looked_at = attack.card.needs.access in (Access.PARAMETERS, Access.UPDATES, Access.VERSIONS, Access.ACTIVATIONS)
    return 0 if looked_at else asks_everything(attack, records)


ALL = tuple(
    ChallengeSpec(challenge, partial(_laid, lay), models, _tests, _lacks, _queries)
    for challenge, lay, models in (
        (Challenge.TRAINING_SET, _training_sets, _models_of_sets),
        (Challenge.BATCH, _batches, _no_models),
        (Challenge.INPUTS, _inputs, _no_models),
    )
)
