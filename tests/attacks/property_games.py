"""Small worlds in which a property is told, or cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np

from divulge.auditing.challenges.property import remembered
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.hashing import digest
from divulge.core.records import Column, Records, Schema
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Fact
from divulge.core.threat import PRESETS
from divulge.core.views.property import PropertyAuxiliary
from divulge.games.properties import PropertyGame, PropertyPlan
from divulge.games.sides import Side
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.training.shadow import Answers


def drawn(count: int, seed: int, told: float = 1.5, shift: float = 1.0) -> Side:
    """Four numbers; the kind shifts the first and, by `told`, the odds of the second class; `idle` does nothing."""
    rng = np.random.default_rng(seed)
    kind = rng.random(count) < 0.5
    x = rng.normal(size=(count, 4))
    x[:, 0] += shift * kind
    odds = x[:, 1] + told * kind - 1
    y = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    schema = Schema(tuple(Column(f"x{i}") for i in range(4)), classes=(0, 1))
    columns = {"kind": kind.astype(int), "idle": rng.integers(0, 2, count), "y": y, "x1": x[:, 1]}
    return Side(Records(x, y, schema), columns)


def raising(make: Any) -> Any:
    """Trains with `make(seed) -> estimator`."""
    answers = Answers(None)

    def models(records: Records, keep: np.ndarray, seeds: Any) -> list[Any]:
        made = []
        for row, seed in zip(keep, seeds, strict=True):
            part = records.take(row)
            target = SklearnTarget(make(seed % 2**31).fit(part.x, part.y))
            made.append(remembered(target, digest(str(seed), row), answers))
        return made

    return models


def game(make: Any, text: str, told: float = 1.5, shift: float = 1.0, **settings: Any) -> PropertyGame:
    """A game about one property; victims of 300 records."""
    plan = PropertyPlan((text,), **{"victims": 36, "shadows": 48, "size": 300, "queries": 400} | settings)
    victims, adversary = drawn(4_000, 1, told, shift), drawn(6_000, 2, told, shift)
    models = raising(make)
    target = models(victims.records, np.arange(4_000)[None] < 300, [7])[0]
    return PropertyGame(target, victims, adversary, victims.take(np.arange(300)), models, 0, plan)


def played(
    dealt: PropertyGame, name: str, arm: Arm = Arm.TARGET, threat: str = "published-model", **settings: Any
) -> Evidence:
    """What an attack achieves."""
    made = attack(name, **settings)
    needed = made.card.uses or made.card.needs.access

    def see(target: Any) -> GrantedOracle:
        return GrantedOracle(target, PRESETS[threat], needed, free=True)

    (dealt_round,) = dealt.deal(arm)
    view = dealt_round.open(see(dealt.target), made.card, PropertyAuxiliary(see), np.random.default_rng(0))
    return dealt_round.judge(made.run(view))


def told(dealt: PropertyGame, name: str, arm: Arm = Arm.TARGET, **settings: Any) -> Fact:
    """What an attack tells of the one property that is asked about."""
    (fact,) = played(dealt, name, arm, **settings).of(Fact)
    return fact
