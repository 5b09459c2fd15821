"""Copies of networks, over the number of queries, ART beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from divulge.catalog.attacks import attack
from divulge.core.results.exhibits import Step
from divulge.data.sources import fashion_mnist
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.pytorch import TorchRecipe
from harness import Row
from stealing.playing import peer, split, steal

BUDGETS = (100, 1_000, 5_000, 10_000)
LEARNED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("knockoff, scores", "knockoff", {}),
    ("knockoff, top 3", "knockoff", {"answers": "top-k"}),
    ("copycat, labels", "copycat", {}),
    ("adaptive knockoff, scores", "knockoff_adaptive", {}),
    ("ActiveThief uncertainty, scores", "active_thief", {}),
    ("ActiveThief k-center, scores", "active_thief", {"strategy": "k_center"}),
    ("ActiveThief DFAL, scores", "active_thief", {"strategy": "dfal"}),
    ("ActiveThief DFAL + k-center, labels", "active_thief", {"strategy": "dfal+k_center", "answers": "labels"}),
    ("Jacobian augmentation, scores", "jacobian", {}),
    ("MixMatch, scores", "semi_supervised", {}),
    ("MixMatch, labels", "semi_supervised", {"answers": "labels"}),
    ("random inputs, scores", "knockoff_random", {}),
    ("data-free, scores", "data_free", {}),
)


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def small_cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Unflatten(1, (1, 28)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def learned(quick: bool) -> Iterator[Row]:
    """Copies of a network over queries."""
    if quick:
        yield from learned_quickly()
        return
    own, pool, held = split(fashion_mnist(), (20_000, 25_000, 5_000))
    module = TorchRecipe(perceptron, epochs=10).fit(own, 0)
    target = TorchTarget(module)
    budgets = BUDGETS
    given = {name: value.numpy() for name, value in module.state_dict().items()}
    theirs = peer(exact=0, x=pool.x[: budgets[-1]], held=held.x, queries=np.array(budgets), **given)
    for name, values in theirs.items():
        for queries, value in zip(budgets, values.tolist(), strict=True):
            yield Row(f"network 784-256-10, ART's {name}, {queries:,} queries", value)
    bars = {b: max(float(theirs["copycat"][i]), {100: 0.75, 10_000: 0.955}.get(b, 0.0)) for i, b in enumerate(budgets)}
    best: dict[str, float] = {}
    for label, name, changes in LEARNED:
        wished = (1_000, 10_000, 50_000) if name == "data_free" else budgets
        _, theft, _, _ = steal(target, held, attack(name, queries=wished, **changes), pool)
        for step in theft.of(Step):
            barred = label == "knockoff, scores" and step.queries in bars
            row = Row(f"network, {label}, {step.queries:,} queries", step.agreement.copy, step.low, step.high)
            yield replace(row, bar=bars[step.queries]) if barred else row
            kind = "labels" if "labels" in label else "scores"
            if step.queries == budgets[-1]:
                best[kind] = max(best.get(kind, 0.0), step.agreement.copy)
    gap = best["scores"] - best["labels"]
    yield Row(
        f"network: best with scores less best with labels, {budgets[-1]:,} queries",
        gap,
        bar=0.03,
        better="below",
    )
    target = TorchTarget(TorchRecipe(small_cnn, epochs=10).fit(own, 0))
    for label, name, _ in (LEARNED[0], LEARNED[2]):
        _, theft, _, _ = steal(target, held, attack(name, queries=BUDGETS), pool)
        for step in theft.of(Step):
            bar = 0.92 if step.queries == BUDGETS[-1] and name == "knockoff" else None
            yield Row(f"CNN, {label}, {step.queries:,} queries", step.agreement.copy, step.low, step.high, bar)


def learned_quickly() -> Iterator[Row]:
    """A smaller network, fewer queries, and four ways to ask; against the commonest answer, without ART."""
    own, pool, held = split(fashion_mnist(), (3_000, 2_000, 2_000))
    target = TorchTarget(TorchRecipe(perceptron, epochs=4).fit(own, 0))
    for label, name, changes in LEARNED:
        if name not in ("knockoff", "copycat", "active_thief") or changes not in ({}, {"strategy": "k_center"}):
            continue
        _, theft, _, _ = steal(target, held, attack(name, queries=(100, 500), **changes), pool, steps=300)
        for step in theft.of(Step):
            bar = 0.7 if step.queries == 500 else None
            yield Row(f"network, {label}, {step.queries:,} queries", step.agreement.copy, step.low, step.high, bar)
