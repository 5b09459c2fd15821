"""How far off is the screen without reference models?  The loss attack's TNR at a low FNR beside what LiRA then reaches
at an equal FPR (Dodd et al. 2025), over data sets and recipes that memorise much or little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divulge.auditing.challenge_table import spec_of
from divulge.auditing.run_attack import Session, play_arm
from divulge.core.game import Arm
from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.core.signals import log_of_scores
from divulge.games.membership import MembershipGame
from divulge.setup.assemble import attacks_for
from divulge.setup.from_table import job_from_table
from divulge.setup.settings import Options
from divulge.stats.forecast.screen import ruled_out
from divulge.stats.roc import at_fpr, roc
from divulge.targets.score_table import ScoreTable
from harness import Row

POOL = 16
RATES = (0.1, 0.01)
REFERENCES = ("lira", "rmia", "learned_ratio")
MOST = 1500


@dataclass(frozen=True)
class Setting:
    """records: x and y.  made: an unfitted model."""

    data: str
    recipe: str
    records: Callable[[], tuple[Array, Array]]
    made: Callable[[int], Any]


def made_up(noise: float, classes: int) -> Callable[[], tuple[Array, Array]]:
    """Drawn records, of which a share `noise` has a label by lot."""
    return lambda: make_classification(
        MOST, 20, n_informative=8, n_classes=classes, flip_y=noise, n_clusters_per_class=1, random_state=0
    )


def cut(loaded: tuple[Array, Array]) -> tuple[Array, Array]:
    """At most MOST of the records, drawn at random."""
    x, y = loaded
    chosen = np.random.default_rng(0).permutation(len(x))[:MOST]
    return x[chosen], y[chosen]


DATA: dict[str, Callable[[], tuple[Array, Array]]] = {
    "breast cancer": lambda: cut(load_breast_cancer(return_X_y=True)),
    "digits": lambda: cut(load_digits(return_X_y=True)),
    "drawn, 2 classes": made_up(0.02, 2),
    "drawn, 2 classes, noisy": made_up(0.3, 2),
    "drawn, 6 classes, noisy": made_up(0.15, 6),
}

RECIPES: dict[str, Callable[[int], Any]] = {
    "forest": lambda seed: RandomForestClassifier(40, random_state=seed),
    "forest, 5 a leaf": lambda seed: RandomForestClassifier(40, min_samples_leaf=5, random_state=seed),
    "boosted": lambda seed: GradientBoostingClassifier(n_estimators=40, subsample=0.8, random_state=seed),
    "network": lambda seed: make_pipeline(StandardScaler(), MLPClassifier(64, max_iter=150, random_state=seed)),
    "network, decayed": lambda seed: make_pipeline(
        StandardScaler(), MLPClassifier(64, alpha=3.0, max_iter=150, random_state=seed)
    ),
    "logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
}


def settings(quick: bool) -> list[Setting]:
    """Every recipe on every data set; in a hurry, three on three."""
    recipes = ("forest", "forest, 5 a leaf", "logistic") if quick else tuple(RECIPES)
    sets = tuple(DATA)[:1] + tuple(DATA)[2:4] if quick else tuple(DATA)
    return [Setting(data, recipe, DATA[data], RECIPES[recipe]) for data in sets for recipe in recipes]


def measured(setting: Setting) -> dict[float, dict[str, float]]:
    """By rate: what the screen reads off the target, and what attacks reach on it with the other models."""
    x, y = setting.records()
    rng = np.random.default_rng(0)
    keep = np.zeros((POOL + 1, len(x)), dtype=bool)
    keep[0, rng.permutation(len(x))[: len(x) // 2]] = True
    for pair in range(POOL // 2):
        keep[1 + 2 * pair, rng.permutation(len(x))[: len(x) // 2]] = True
        keep[2 + 2 * pair] = ~keep[1 + 2 * pair]
    scores = [
        log_of_scores(setting.made(number).fit(x[half], y[half]).predict_proba(x)) for number, half in enumerate(keep)
    ]
    table = ScoreTable(np.array(scores, dtype=np.float32), None, keep, y)
    loss, curves = played(table, "loss"), {name: roc(played(table, name)) for name in REFERENCES}
    found: dict[float, dict[str, float]] = {}
    for rate in RATES:
        told = ruled_out(loss, rate)
        if told is not None:
            reached = {name: at_fpr(curve, rate).tpr.value for name, curve in curves.items()}
            found[rate] = {"foretold": told.value, **reached, "strongest": max(reached.values())}
    return found


def played(table: ScoreTable, name: str) -> Scored:
    """What one attack makes of row 0."""
    job = job_from_table(table, Options(attacks=[name], name="screen"))
    job = replace(job, attacks=attacks_for([name], job.target, POOL))
    (attack,) = job.attacks
    game = MembershipGame(job.target, job.candidates, job.member, job.seed)
    evidence, _ = play_arm(Session(job, game, 1, spec_of(attack.card)), attack, Arm.TARGET)
    scored: Scored = evidence.scored
    return scored


def rows(quick: bool) -> Iterator[Row]:
    """Each setting, then the error over all of them, beside that of guessing the mean of the other data sets."""
    found: list[tuple[str, float, dict[str, float]]] = []
    for setting in settings(quick):
        for rate, values in measured(setting).items():
            found.append((setting.data, rate, values))
            for what in ("foretold", "lira", "strongest"):
                yield Row(f"screen at {rate:.0%}, {setting.data}, {setting.recipe}: {what}", values[what])
    for rate in RATES:
        part = [(data, values) for data, of, values in found if of == rate]
        told = np.array([values["foretold"] for _, values in part])
        for what in ("lira", "strongest"):
            bar = 0.75 if what == "strongest" and not quick else None
            yield from errors(f"screen of {what} at {rate:.0%}", [data for data, _ in part], told, part, what, bar)


def errors(
    name: str, data: list[str], told: Array, part: list[tuple[str, dict[str, float]]], what: str, bar: float | None
) -> Iterator[Row]:
    """How far what was foretold is from what was reached.  bar: of the rank correlation."""
    reached = np.array([values[what] for _, values in part])
    others = np.array([np.mean(reached[[own != each for own in data]]) for each in data])
    yield Row(f"{name}: root mean square error", float(np.sqrt(np.mean((told - reached) ** 2))))
    yield Row(f"{name}: the same of the mean of other data sets", float(np.sqrt(np.mean((others - reached) ** 2))))
    yield Row(f"{name}: foretold less reached, on average", float((told - reached).mean()))
    yield Row(f"{name}: largest shortfall", float((reached - told).max()))
    yield Row(f"{name}: rank correlation", float(stats.spearmanr(told, reached).statistic), bar=bar)
