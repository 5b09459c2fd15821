"""What a release of made-up records gives away of single people."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from divulge.auditing.challenge import Adversary, ChallengeSpec
from divulge.auditing.job import BoundRecipe, Job
from divulge.core.attack import Attack, Card
from divulge.core.game import Game
from divulge.core.threat import Challenge
from divulge.games.control_models import ControlModels
from divulge.games.release import ReleaseGame, asked_columns
from divulge.targets.generator import GeneratorTarget
from divulge.training.recipes.generator import ReplayRecipe


def _lay(challenge: Challenge, job: Job) -> tuple[Game, Adversary]:
    """A game; its controls need no recipe of the owner's where a table alone was released."""
    places = np.flatnonzero(job.member)
    training = job.candidates.take(places[np.argsort(job.row[places], kind="stable")])
    unseen = job.candidates.take(~job.member)
    recipe = job.recipe or BoundRecipe(ReplayRecipe(), GeneratorTarget, job.resources.trainer)
    beside = ControlModels(recipe, training, job.population, job.seed)
    game = ReleaseGame(challenge, job.target, training, unseen, job.population, job.seed, beside)
    return game, lambda attack: None


def _models(attack: Attack[Any, Any], job: Job) -> tuple[str, int]:
    return "release controls", 2


def _tests(card: Card, job: Job) -> int:
    if card.challenge is Challenge.DEDUCED:
        return max(1, len(asked_columns(job.candidates)))
    return 2 if card.challenge is Challenge.COPIED else 1


ALL = tuple(
    ChallengeSpec(each, partial(_lay, each), _models, _tests, altered=True)
    for each in (Challenge.COPIED, Challenge.SINGLED, Challenge.LINKED, Challenge.DEDUCED)
)
