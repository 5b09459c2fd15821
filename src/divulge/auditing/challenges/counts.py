"""What published counts give away of people about whom the rest is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from divulge.auditing.challenge import Adversary, ChallengeSpec
from divulge.auditing.job import BoundRecipe, Job
from divulge.core.attack import Attack, Card
from divulge.core.capability.declared import able
from divulge.core.capability.releases import ShowsCounts
from divulge.core.errors import Impossible
from divulge.core.game import Game
from divulge.core.mixed.counted import CellCounts
from divulge.core.threat import Challenge
from divulge.games.control_models import ControlModels
from divulge.games.published.counts import CountsGame, told_columns
from divulge.targets.count_table import CountsOf
from divulge.training.recipes.counting import CountingRecipe


def counting(job: Job) -> BoundRecipe:
    """How the published cells are counted among other people: what controls are made with."""
    return BoundRecipe(CountingRecipe(_counts(job)), CountsOf, job.resources.trainer)


def _counts(job: Job) -> CellCounts:
    if not able(job.target, ShowsCounts):
        raise Impossible(f"the target {job.target.name} is no table of counts")
    return job.target.counts(job.candidates.schema)


def _lay(job: Job) -> tuple[Game, Adversary]:
    places = np.flatnonzero(job.member)
    training = job.candidates.take(places[np.argsort(job.row[places], kind="stable")])
    unseen = job.candidates.take(~job.member)
    columns = told_columns(_counts(job), training)
    if not columns:
        raise Impossible("no category stands in a published cell together with other columns, so none can be told")
    beside = ControlModels(counting(job), training, job.population, job.seed)
    return CountsGame(job.target, training, unseen, columns, job.seed, beside), lambda attack: None


def _models(attack: Attack[Any, Any], job: Job) -> tuple[str, int]:
    return "controls of counts", 2


def _tests(card: Card, job: Job) -> int:
    return max(1, len(told_columns(_counts(job), job.candidates))) if able(job.target, ShowsCounts) else 1


ALL = (ChallengeSpec(Challenge.SOLVED, _lay, _models, _tests, altered=True),)
