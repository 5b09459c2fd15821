"""A small network on digits, and recipes of it under defences."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from torch import nn

from divulge.catalog.defenses import defense
from divulge.core.hashing import derived_rng
from divulge.core.threat import Access
from divulge.data.sources import SOURCES
from divulge.data.splits import split
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.defended import defended_recipe
from divulge.training.recipes.pytorch import TorchRecipe


def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))


@cache
def digits(*sizes):
    return tuple(split(SOURCES["digits"](), sizes, derived_rng(0, "nets")))


BASE = TorchRecipe(net, epochs=30, batch_size=64, learning_rate=5e-3)


def under(*defenses, reference=None, base=BASE):
    return defended_recipe(base, [defense(d) if isinstance(d, str) else d for d in defenses], reference)


def log_scores(module, records):
    return TorchTarget(module).answer(Access.SCORES, records)


def accuracy(module, records):
    return float((log_scores(module, records).argmax(axis=1) == records.y).mean())


def mislabeled(records, seed):
    """Three labels in ten by lot: whoever knows them was told."""
    rng = np.random.default_rng(seed)
    y = np.array(records.y)
    wrong = rng.random(len(y)) < 0.3
    y[wrong] = rng.integers(0, 10, wrong.sum())
    return replace(records, y=y)
