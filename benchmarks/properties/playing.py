"""Records, games and rows that the parts share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
from torch import nn

from divulge.auditing.challenges.property import remembered
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.hashing import Array, digest
from divulge.core.records import Column, Kind, Records, Schema
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Fact
from divulge.core.threat import PRESETS
from divulge.core.views.property import PropertyAuxiliary
from divulge.games.properties import PropertyGame, PropertyPlan, Side
from divulge.stats.paired import mean_bounds
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.engines.engine import Trainer
from divulge.training.recipes.pytorch import TorchRecipe
from divulge.training.shadow import Answers
from harness import Row

WOMEN = "share(sex == 'Female')"
VALUES = (0.2, 0.5, 0.8)
EPOCHS = 10
SIZE = 2_000
QUICK = {"victims": 24, "shadows": 24, "size": 400, "queries": 500}
"""A game that ends within seconds."""

FEW = 8_000
"""Records that a quick run begins with."""


def coded(records: Records, without: Sequence[str] = ()) -> Records:
    """Categories one by one, numbers standardised."""
    parts, names = [], []
    for place, column in enumerate(records.schema.columns):
        values = records.x[:, place]
        if column.name in without:
            continue
        if column.kind is Kind.CATEGORICAL:
            parts.append(np.eye(len(column.categories))[values.astype(int)])
            names += [f"{column.name}: {value}" for value in column.categories]
        else:
            values = np.log1p(np.maximum(values, 0)) if values.max() > 1_000 else values
            parts.append(((values - values.mean()) / max(values.std(), 1e-9))[:, None])
            names.append(column.name)
    schema = Schema(tuple(Column(n) for n in names), classes=records.schema.classes)
    return Records(np.concatenate(parts, axis=1).astype(np.float32), records.y, schema)


def sides(records: Records, columns: dict[str, Array], seed: int) -> tuple[Side, Side]:
    """Two disjoint halves of the distinct records: the victims', the adversary's."""
    first = np.unique(np.array(records.row_keys()), return_index=True)[1]
    order = np.random.default_rng(100 + seed).permutation(first)
    whole = Side(records, columns)
    return whole.take(order[: len(order) // 2]), whole.take(order[len(order) // 2 :])


def network(inputs: int, width: int = 32, dropout: float = 0.0) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        middle = [nn.Dropout(dropout)] if dropout else []
        return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), *middle, nn.Linear(width, 2))

    return build


def recipe(inputs: int, width: int = 32, dropout: float = 0.0, epochs: int = EPOCHS) -> TorchRecipe:
    return TorchRecipe(network(inputs, width, dropout), epochs=epochs, batch_size=128, learning_rate=1e-3)


def raising(made: Any, seconds: list[float] | None = None) -> Any:
    """Trains with a recipe of divulge, or with a function (records, seed) -> module."""
    answers = Answers(None)

    def models(records: Records, keep: Array, seeds: Sequence[int]) -> list[Any]:
        started = perf_counter()
        if isinstance(made, TorchRecipe):
            found = dict(Trainer().fit_many(made, records, keep, seeds))
        else:
            found = {n: made(records.take(row), seed) for n, (row, seed) in enumerate(zip(keep, seeds, strict=True))}
        if seconds is not None:
            seconds.append(perf_counter() - started)
        keys = [digest(records.fingerprint(), row, str(s), str(id(made))) for row, s in zip(keep, seeds, strict=True)]
        return [remembered(TorchTarget(found[n]), keys[n], answers) for n in range(len(keep))]

    return models


def game(made: Any, halves: tuple[Side, Side], text: str = WOMEN, seed: int = 0, **settings: Any) -> PropertyGame:
    seconds = settings.pop("seconds", None)
    plan = PropertyPlan(
        (text,), **{"victims": 96, "shadows": 256, "size": SIZE, "queries": 4_000, "values": VALUES} | settings
    )
    return PropertyGame(None, *halves, None, raising(made, seconds), seed, plan)  # type: ignore[arg-type]


def played(
    dealt: PropertyGame, name: str, threat: str = "published-model", arm: Arm = Arm.TARGET, **settings: Any
) -> Evidence:
    made = attack(name, **settings)
    adversary = replace(PRESETS[threat], query_budget=None)
    needed = made.card.uses or made.card.needs.access

    def see(target: Any) -> GrantedOracle:
        return GrantedOracle(target, adversary, needed, free=True)

    (dealt_round,) = dealt.deal(arm)
    view = dealt_round.open(None, made.card, PropertyAuxiliary(see), np.random.default_rng(0))  # type: ignore[arg-type]
    found: Evidence = dealt_round.judge(made.run(view))
    return found


def fact_of(found: Evidence) -> Fact:
    """The one property that a game here asks about."""
    (fact,) = found.of(Fact)
    return fact


def told(found: Evidence, pair: int = 0) -> str:
    low, high = fact_of(found).pairs[pair]
    return f"{low:.1f} or {high:.1f}"


def accuracy(name: str, every: Sequence[Evidence], pair: int, bar: float | None = None) -> Row:
    """How often a pair is told apart, over all victims of these games."""
    size = [len(found.paired[0].hits) for found in every]
    value = float(np.average([fact_of(found).told_apart[pair] for found in every], weights=size))
    right = np.zeros(sum(size))
    right[: round(value * len(right))] = 1
    low, high = mean_bounds(right, 0.05)
    return Row(f"{name}, {told(every[0], pair)}: right", value, low, high, bar)


def error(name: str, every: Sequence[Evidence], bar: float | None = None) -> Row:
    off = np.array([abs(e.estimate - e.truth) for found in every for e in fact_of(found).estimates])
    wide = 1.96 * off.std() / np.sqrt(len(off))
    return Row(f"{name}: mean absolute error", float(off.mean()), off.mean() - wide, off.mean() + wide, bar, "below")
