"""The interval for the next training of a recipe: how often does the next training fall into it?  Real trees
and forests, on records that are drawn anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from divulge.auditing.challenge_table import spec_of
from divulge.auditing.job import Job
from divulge.auditing.run_attack import Session, play_arm
from divulge.core.game import Arm
from divulge.core.hashing import Array
from divulge.core.results.estimate import Rate
from divulge.core.results.metric import AUC, BALANCED_ACCURACY, tpr_at
from divulge.core.signals import log_of_scores
from divulge.explain.next_model import retrained
from divulge.games.membership import MembershipGame
from divulge.setup.assemble import attacks_for
from divulge.setup.from_table import job_from_table
from divulge.setup.settings import Options
from divulge.stats.forecast.prediction import next_share
from divulge.stats.intervals import clopper_pearson
from divulge.stats.weigh import weigh
from divulge.targets.score_table import ScoreTable
from harness import Row

POOL = 16
RECORDS = 300
METRICS = (AUC, BALANCED_ACCURACY, tpr_at(0.1), tpr_at(0.01))
CONFIDENCE = 0.95

LEAST = 0.90
"""Coverage below which the benchmark fails, of nominal 95 %; of few repetitions 0.85, since chance takes its part."""


@dataclass(frozen=True)
class Recipe:
    """What is trained.  noise: share of the labels that are drawn at random, which has to be learned by heart."""

    name: str
    made: Callable[[int], Any]
    noise: float


RECIPES = (
    Recipe("tree of depth 5", lambda seed: DecisionTreeClassifier(max_depth=5, max_features=3, random_state=seed), 0.2),
    Recipe("forest of 10 trees", lambda seed: RandomForestClassifier(10, random_state=seed), 0.1),
)


def drawn(recipe: Recipe, seed: int) -> ScoreTable:
    """A pool of pairs on halves of fresh records, and in row 0 the next training, on a half of its own."""
    x, y = make_classification(RECORDS, 6, n_informative=4, flip_y=recipe.noise, random_state=seed)
    rng = np.random.default_rng(seed)
    keep = np.zeros((POOL + 1, RECORDS), dtype=bool)
    keep[0, rng.permutation(RECORDS)[: RECORDS // 2]] = True
    for pair in range(POOL // 2):
        keep[1 + 2 * pair, rng.permutation(RECORDS)[: RECORDS // 2]] = True
        keep[2 + 2 * pair] = ~keep[1 + 2 * pair]
    logits = [
        log_of_scores(recipe.made(1000 * seed + number).fit(x[half], y[half]).predict_proba(x))
        for number, half in enumerate(keep)
    ]
    return ScoreTable(np.array(logits, dtype=np.float32), None, keep, y)


def job_of(table: ScoreTable, attack: str) -> Job:
    """One attack on the next training, which knows the pool."""
    job = job_from_table(table, Options(attacks=[attack], name="the next training"))
    return replace(job, attacks=attacks_for([attack], job.target, POOL))


def reached(job: Job) -> dict[str, float]:
    """What the attack reaches on the next training."""
    (attack,) = job.attacks
    game = MembershipGame(job.target, job.candidates, job.member, job.seed)
    evidence, _ = play_arm(Session(job, game, 1, spec_of(attack.card)), attack, Arm.TARGET)
    return {each.metric: each.value for each in weigh(evidence, job.policy) if each.value is not None}


def judged(recipe: Recipe, attack: str, seed: int) -> dict[str, tuple[bool, float]]:
    """For each metric whether the next training fell into the interval, and how wide that was."""
    job = job_of(drawn(recipe, seed), attack)
    truth, values = reached(job), retrained(job, attack, POOL)
    found = {}
    for metric in METRICS:
        trained = np.array([each[metric] for each in values if metric in each])
        if metric in truth and len(trained) == len(values):
            told = next_share(trained, CONFIDENCE, RECORDS // 2)
            found[metric] = told.low <= truth[metric] <= told.high, told.high - told.low
    return found


def rows(quick: bool) -> Iterator[Row]:
    """Coverage, with its exact interval, and mean width."""
    repetitions = 60 if quick else 200
    for recipe in RECIPES[:1] if quick else RECIPES:
        for attack in ("lira", "loss"):
            every = [judged(recipe, attack, seed) for seed in range(repetitions)]
            for metric in METRICS:
                told: Array = np.array([each[metric] for each in every if metric in each], dtype=float).reshape(-1, 2)
                if not len(told):
                    continue
                rate = Rate(int(told[:, 0].sum()), len(told))
                low, high = clopper_pearson(rate, 0.05)
                name = f"next training, {recipe.name}, {attack}, {metric}"
                yield Row(f"{name}: coverage of 95 %", rate.value, low, high, 0.85 if quick else LEAST)
                yield Row(f"{name}: mean width", float(told[:, 1].mean()))
