"""Small victims, and one attack played on them as the house plays it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from divulge.auditing.oracle import GrantedOracle
from divulge.core.game import Arm
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.metric import FIDELITY
from divulge.core.target import Target
from divulge.core.threat import PRESETS, ThreatModel
from divulge.core.views.extraction import ExtractionAuxiliary, ExtractionGuess
from divulge.data.arrays import from_arrays
from divulge.games.extraction import ExtractionGame
from divulge.training.surrogates.students import SurrogateTrainer

OPEN = replace(PRESETS["published-model"], query_budget=None)
MLAAS = PRESETS["mlaas"]


def records(x: np.ndarray, y: np.ndarray, **settings: Any) -> Records:
    (made,) = from_arrays([(x, y)], **settings)
    return made


def blobs(count: int, features: int = 6, classes: int = 3, seed: int = 0) -> Records:
    """Classes in overlapping clouds, double precision."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    centers = np.random.default_rng(99).standard_normal((classes, features))
    return records(centers[y] + rng.standard_normal((count, features)), y)


def steal(
    target: Target,
    held: Records,
    attack: Any,
    population: Records | None = None,
    threat: ThreatModel = MLAAS,
    training: Records | None = None,
    arm: Arm = Arm.TARGET,
    seed: int = 0,
    zoo: Any = None,
) -> tuple[ExtractionGuess, Evidence, GrantedOracle]:
    room = SurrogateTrainer(held, 300)
    game = ExtractionGame(target, held, seed, None, population, training, room)
    (dealt,) = game.deal(arm)
    oracle = GrantedOracle(dealt.target, threat, attack.card.uses or attack.card.needs.access)
    means = ExtractionAuxiliary(population, training, room, zoo)
    guess = attack.run(dealt.open(oracle, attack.card, means, np.random.default_rng(seed)))
    return guess, dealt.judge(guess), oracle


def fidelity(theft: Evidence, metric: str = FIDELITY) -> float:
    return next(a.copy for a in theft.counted if a.metric == metric)
