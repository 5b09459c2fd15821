"""Model extraction: build the same model, or tell how it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from divulge.auditing.challenge import Adversary, ChallengeSpec, Estimates, asks_everything
from divulge.auditing.job import Job
from divulge.core.attack import Attack
from divulge.core.capability.attacks import shadows_of
from divulge.core.capability.recipes import settings_of
from divulge.core.game import Game
from divulge.core.records import Records
from divulge.core.results.metric import Trials, of_trials
from divulge.core.threat import Access, Challenge
from divulge.core.views.extraction import ExtractionAuxiliary, NetworkDesign, Surrogate
from divulge.games.extraction import ExtractionGame
from divulge.training.surrogates.students import SurrogateTrainer


def _lay(job: Job) -> tuple[Game, Adversary | None]:
    students = SurrogateTrainer(job.candidates)
    held, training = job.candidates.take(~job.member), job.candidates.take(job.member)
    settings = settings_of(job.recipe)
    game = ExtractionGame(job.target, held, job.seed, job.recipe, job.population, training, students, settings)
    zoo = _zoo(job.population)

    def adversary(attack: Attack[Any, Any]) -> ExtractionAuxiliary:
        return ExtractionAuxiliary(job.population, training, students, zoo)

    return game, adversary


def _zoo(population: Records | None) -> Callable[[Sequence[NetworkDesign], int], Sequence[Surrogate]] | None:
    """Networks of other designs, trained on the population; None where there is none, or no PyTorch."""
    if population is None or find_spec("torch") is None:
        return None

    def zoo(designs: Sequence[NetworkDesign], seed: int) -> Sequence[Surrogate]:
        from divulge.training.surrogates.zoo import train_zoo

        return train_zoo(population, designs, seed)

    return zoo


def _queries(attack: Attack[Any, Any], records: int) -> int | None:
    return 0 if attack.card.needs.access is Access.PARAMETERS else asks_everything(attack, records)


def _fires(positive: Estimates) -> bool:
    return any((e.advantage_low or 0.0) > e.threshold for e in positive.values())


COPY = ChallengeSpec(
    Challenge.COPY,
    _lay,
    models=lambda attack, job: ("extraction", shadows_of(attack) + 2),
    tests=lambda card, job: len(of_trials(Trials.COUNTED)),
    queries=_queries,
    fires=_fires,
    blunt="it shows no leak of an undefended model of the same recipe either",
    easier=False,
    altered=True,
    shares_answers=True,
    copies=True,
)

ALL = (COPY,)
