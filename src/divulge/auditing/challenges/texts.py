"""Training texts that a language model writes out."""

from __future__ import annotations

from typing import Any

from divulge.auditing.challenge import Adversary, ChallengeSpec, Estimates
from divulge.auditing.job import Job
from divulge.core.attack import Attack, Card
from divulge.core.game import Game
from divulge.core.threat import Challenge
from divulge.games.written import WrittenGame

KINDS = 4
"""Kinds of secrets that an attack asks about at most."""


def _lay(job: Job) -> tuple[Game, Adversary | None]:
    records = (job.candidates, job.member, job.seed)
    return WrittenGame(job.target, *records, job.recipe, job.population, job.features, job.aggregate), None


def _models(attack: Attack[Any, Any], job: Job) -> tuple[str, int]:
    return "membership ", 2


def _tests(card: Card, job: Job) -> int:
    return KINDS if "pii" in card.name else 1


def _queries(attack: Attack[Any, Any], records: int) -> int:
    return round(attack.card.queries_per_record * records)


def _fires(positive: Estimates) -> bool:
    return any((e.advantage or 0.0) > e.threshold for e in positive.values())


TEXTS = ChallengeSpec(
    Challenge.TEXTS,
    _lay,
    _models,
    _tests,
    queries=_queries,
    fires=_fires,
    blunt="nothing comes out of the model that was overfitted on purpose either",
    of_records=False,
    shares_answers=True,
)

ALL = (TEXTS,)
