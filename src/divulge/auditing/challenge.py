"""A challenge as an audit plays it: its game, what it takes, what it costs, and when its control has fired.

One object says all of it, so that a new challenge is a new object and no branch anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from divulge.auditing.job import BoundRecipe, Job
from divulge.core.attack import Attack, Card
from divulge.core.capability.attacks import stops_of
from divulge.core.capability.declared import able
from divulge.core.capability.recipes import ByEpochs
from divulge.core.game import Game
from divulge.core.results.estimate import Estimate
from divulge.core.threat import Challenge

Adversary = Callable[[Attack[Any, Any]], Any]
"""What the adversary of an attack holds besides the oracle, as the attack's view has it."""

Estimates = dict[tuple[str, str], Estimate]
"""By metric, and what it is about."""


def lacks_nothing(card: Card, job: Job) -> list[str]:
    """For a challenge without requirements of its own."""
    return []


def asks_everything(attack: Attack[Any, Any], records: int) -> int | None:
    """Queries of an attack that says itself how many it sends, or whose card does not tell."""
    stops = stops_of(attack)
    return max(stops) if isinstance(stops, tuple | list) else stops


def control_models(job: Job) -> int:
    """What both controls cost, in trainings: the positive one may take several times the epochs."""
    recipe = job.recipe.recipe if isinstance(job.recipe, BoundRecipe) else None
    loose = recipe.overfitted() if recipe is not None else None
    return 1 + (round(loose.epochs / recipe.epochs) if able(loose, ByEpochs) and able(recipe, ByEpochs) else 1)


def reaches_its_threshold(positive: Estimates) -> bool:
    """Whether an attack shows something in the easiest case of its kind."""
    return any((e.advantage or 0.0) > e.threshold for e in positive.values())


@dataclass(frozen=True)
class ChallengeSpec:
    """How one challenge is played."""

    challenge: Challenge
    lay: Callable[[Job], tuple[Game, Adversary | None]]
    """Its game, and what the adversary of an attack holds, None for the usual; raises Impossible where what it needs
    was not given."""
    models: Callable[[Attack[Any, Any], Job], tuple[str, int]]
    """The name of the pool of models that an attack needs, which it shares with others, and how many they are."""
    tests: Callable[[Card, Job], int]
    """How many findings an attack will share the error rate of a run with."""
    lacks: Callable[[Card, Job], list[str]] = lacks_nothing
    """Why an attack cannot run on what was given, in plain words."""
    queries: Callable[[Attack[Any, Any], int], int | None] = asks_everything
    """How many distinct records an attack sends for so many candidates; None where that is seen only as it goes."""
    fires: Callable[[Estimates], bool] = reaches_its_threshold
    """Whether the attack shows something against the positive control."""
    blunt: str = "it shows nothing in the easiest case of its kind either"
    """What is said where it does not."""
    easier: bool = True
    """Whether the positive control is an easier case than the target, so that it says something about the attack."""
    altered: bool = False
    """Whether it is about records that are altered or made up, number by number."""
    of_records: bool = False
    """Whether all that it takes are scores of the records in question, so that a table of scores will do."""
    shares_answers: bool = False
    """Whether what the target answered before, to the handshake say, serves its attacks too."""
    copies: bool = False
    """Whether what an attack hands in is a copy of the target."""
