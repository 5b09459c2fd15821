"""Reconstruction: one challenge for each thing that can be rebuilt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.random import Generator

from divulge.auditing.challenge import Adversary, ChallengeSpec, asks_everything, control_models
from divulge.auditing.federated_target import FederatedTarget
from divulge.auditing.job import Job
from divulge.auditing.oracle import GrantedOracle
from divulge.core.attack import Attack, Card
from divulge.core.capability.attacks import shadows_of, trainings_of
from divulge.core.capability.recipes import reusable
from divulge.core.defense import UpdateDefense
from divulge.core.errors import Impossible
from divulge.core.game import Game
from divulge.core.hashing import Array, derived_seed
from divulge.core.mixed.fields import fields_of
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Challenge
from divulge.core.views.extraction import Surrogate
from divulge.core.views.membership import Shadows
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.games.attributes import AttributeGame, asked_about
from divulge.games.classes import InversionGame
from divulge.games.control_models import ControlModels
from divulge.games.parties.vertical import VerticalGame
from divulge.games.rebuild import RebuildGame
from divulge.training.shadow import ShadowTrainer
from divulge.training.surrogates.students import SurrogateTrainer

FEWEST_FOR_EVALUATOR = 200


def _laid(lay: Callable[[Job], Game], job: Job) -> tuple[Game, Adversary]:
    """A game, with an adversary whose shadow models are trained once."""
    game = lay(job)
    pools: list[Callable[..., Shadows]] = []

    def adversary(attack: Attack[Any, Any]) -> ReconstructionAuxiliary:
        def shadows(models: int) -> Shadows:
            if not pools:
                pools.append(_pool(job))
            needed = attack.card.needs.access
            return pools[0](models, lambda target: GrantedOracle(target, job.threat, needed, free=True))

        able = job.recipe is not None and job.population is not None
        return ReconstructionAuxiliary(job.population, job.reconstruction.public, shadows if able else None)

    return game, adversary


def _pool(job: Job) -> Callable[..., Shadows]:
    """Shadow models of an adversary who does not know the records that are asked about: trained on the population."""
    assert job.recipe is not None and job.population is not None
    artifact_cache = job.resources.artifact_cache if reusable(job.recipe) else None
    seed = derived_seed(job.seed, "shadows on the population")
    return cast(Callable[..., Shadows], ShadowTrainer(job.recipe, job.population, seed, artifact_cache).pool)


def _training(job: Job) -> Records:
    """Members in the order in which they were given."""
    places = np.flatnonzero(job.member)
    return job.candidates.take(places[np.argsort(job.row[places], kind="stable")])


def _unseen(job: Job) -> Records:
    return job.candidates.take(~job.member)


def _attributes(job: Job) -> Game:
    if job.population is None:
        raise Impossible("attributes are compared with an imputer, which needs population records: pass `population`")
    asked, member = asked_about(job.candidates, job.member, job.reconstruction.plan.asked, job.seed)
    beside = ControlModels(job.recipe, _training(job), job.population, job.seed)
    return AttributeGame(job.target, asked, member, job.population, job.candidates.schema.sensitive, job.seed, beside)


def _records(challenge: Challenge, job: Job) -> Game:
    unseen = _unseen(job)
    threat = job.threat

    def see(target: Target) -> GrantedOracle:
        return GrantedOracle(target, threat, Access.PARAMETERS, free=True)

    plan = job.reconstruction.plan
    target: Any = job.target
    if plan.clients and challenge is Challenge.UPDATES:
        if plan.sees == "sum" and plan.batch < plan.clients:
            raise Impossible(f"a batch of {plan.batch} leaves some of {plan.clients} clients without a record")
        target = FederatedTarget(job.target, plan.clients, plan.secure, plan.sees)
    return RebuildGame(
        challenge=challenge,
        target=target,
        training=_training(job),
        unseen=unseen,
        public=job.population,
        seed=job.seed,
        plan=plan,
        beside=ControlModels(
            job.recipe, _training(job), job.population if job.population is not None else unseen, job.seed
        ),
        see=see,
        shield=partial(protected, job.reconstruction.protections) if job.reconstruction.protections else None,
    )


def _vertical(challenge: Challenge, job: Job) -> Game:
    """Of the party that attacks, on the joint records of both."""
    protections = job.reconstruction.protections
    return VerticalGame(
        challenge=challenge,
        target=job.target,
        training=_training(job),
        unseen=_unseen(job),
        public=job.population,
        seed=job.seed,
        plan=job.reconstruction.plan,
        shield=partial(protected, protections) if protections else None,
    )


def protected(protections: tuple[UpdateDefense, ...], change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
    """An update as clients send it, each protection applied in order."""
    for protection in protections:
        change = protection.protect(change, rng)
    return change


def _classes(job: Job) -> Game:
    """The evaluator learns from the population, or from half of the unseen records where there is none."""
    unseen = _unseen(job)
    learned_from = job.population
    if learned_from is None or len(learned_from) < FEWEST_FOR_EVALUATOR:
        half = len(unseen) // 2
        learned_from, unseen = unseen.take(np.arange(half)), unseen.take(np.arange(half, len(unseen)))

    def evaluator() -> Surrogate:
        room = SurrogateTrainer(learned_from)
        kind = "trees" if "trees" in room.kinds else room.kinds[-1]
        return room.teach(kind, learned_from, learned_from.y, derived_seed(job.seed, "evaluator"))

    return InversionGame(job.target, _training(job), unseen, evaluator, job.reconstruction.public, job.seed)


RECORD_METRICS = 4
"""Findings of an attack that rebuilds records; of a table with categories one more."""

SEEN_AT_ONCE = (
    *(Access.PARAMETERS, Access.UPDATES, Access.VERSIONS, Access.ACTIVATIONS),
    *(Access.CUT_GRADIENTS, Access.JOINT_SCORES),
)
"""Ports that are looked at, and not asked."""


def _queries(attack: Attack[Any, Any], records: int) -> int | None:
    return 0 if attack.card.needs.access in SEEN_AT_ONCE else asks_everything(attack, records)


def _lacks_attributes(card: Card, job: Job) -> list[str]:
    if job.candidates.schema.sensitive:
        return []
    return ["no attribute is marked as sensitive: name those that may not leak with `sensitive`"]


def _models(attack: Attack[Any, Any], job: Job) -> tuple[str, int]:
    card, trials = attack.card, job.reconstruction.plan.trials
    if card.challenge is Challenge.VERSIONS:
        return card.name, 2 * trials
    if card.challenge is Challenge.REPEATED:  # its control is served by the same models
        return card.name, trainings_of(attack) + 2 * trials
    return f"{card.family.value} {card.challenge}", shadows_of(attack) + control_models(job)


def _no_models(attack: Attack[Any, Any], job: Job) -> tuple[str, int]:
    return attack.card.name, 0


def _party_tests(card: Card, job: Job) -> int:
    """Of a label whether it is told; of a record whether it is rebuilt, and exactly."""
    return 1 if card.challenge is Challenge.LABELS else 2


def _records_tests(card: Card, job: Job) -> int:
    known = job.population if job.population is not None else _unseen(job)
    return RECORD_METRICS + (card.challenge is Challenge.UPDATES and bool(fields_of(known)))


OF_RECORDS = (
    *(Challenge.UPDATES, Challenge.FILE, Challenge.ACTIVATIONS, Challenge.VERSIONS, Challenge.UPDATED),
    *(Challenge.INFORMED, Challenge.REPEATED),
)

ALL = (
    ChallengeSpec(
        Challenge.ATTRIBUTES,
        partial(_laid, _attributes),
        _models,
        tests=lambda card, job: len(job.candidates.schema.sensitive) + 1,
        lacks=_lacks_attributes,
        queries=_queries,
        altered=True,
    ),
    ChallengeSpec(Challenge.CLASSES, partial(_laid, _classes), _models, _records_tests, queries=_queries, altered=True),
    *(
        ChallengeSpec(
            each, partial(_laid, partial(_records, each)), _models, _records_tests, queries=_queries, altered=True
        )
        for each in OF_RECORDS
    ),
    *(
        ChallengeSpec(each, partial(_laid, partial(_vertical, each)), _no_models, _party_tests, queries=_queries)
        for each in (Challenge.LABELS, Challenge.COLUMNS)
    ),
)
