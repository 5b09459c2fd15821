"""Federated learning, and secure aggregation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
from torch import nn

import divulge
from defended.guarantees import small_net
from divulge.catalog.defenses import defense
from divulge.core.hashing import derived_rng
from divulge.core.threat import Access
from divulge.data.sources import SOURCES
from divulge.data.splits import split
from divulge.games.rebuild import RebuildPlan
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.defended import defended_recipe
from divulge.training.recipes.pytorch import TorchRecipe
from harness import Row, rate


def federated(quick: bool) -> Iterator[Row]:
    """Ten clients on digits; updates with and without secure aggregation."""
    parts = split(SOURCES["digits"](), (1_000, 500, 297), derived_rng(0, "federated"))
    recipe = TorchRecipe(small_net, epochs=40, batch_size=32, learning_rate=0.01)
    central = recipe.fit(parts[0], 0)
    rounds = 10 if quick else 40

    def right(module: nn.Module) -> list[bool]:
        return list(TorchTarget(module).answer(Access.LABEL, parts[1]) == parts[1].y)

    yield rate("digits, trained in one place: accuracy", right(central))
    for name, settings in (
        ("FedAvg", {}),
        ("FedAvg under SecAgg+", {"secure": True}),
        ("FedProx, classes skewed (0.3)", {"strategy": "fedprox", "proximal": 0.01, "skew": 0.3}),
        ("FedAvg, central noise (clip 1, noise 0.3)", {"clip": 1.0, "noise": 0.3}),
    ):
        made = defended_recipe(recipe, [defense("federated", rounds=rounds, local_epochs=5, **settings)], None)
        started = perf_counter()
        found = right(made.fit(parts[0], 0))
        alike = name.startswith("FedAvg") and not settings.get("clip")
        yield rate(f"{name}, 10 clients: accuracy", found, float(np.mean(right(central))) - 0.02 if alike else None)
        yield Row("  seconds", perf_counter() - started)
    one = {"trials": 10, "rate": 10.0, "clients": 10}
    for name, attack, plan, bar, better in (
        ("one client's update", "analytic_gradient", {"sees": "client"}, 0.9, "above"),
        ("one client's update under SecAgg+", "analytic_gradient", {"sees": "client", "secure": True}, 0.05, "below"),
        ("sum of 10 under SecAgg+", "analytic_gradient", {"secure": True, "batch": 40}, 0.05, "below"),
        ("sum of 10 under SecAgg+, made-up module", "imprint_block", {"secure": True, "batch": 40}, 0.2, "above"),
    ):
        with tempfile.TemporaryDirectory() as place:
            run = divulge.audit(
                TorchTarget(central), *parts, recipe=recipe, threat="federated-server", attacks=[attack],
                reconstruction=RebuildPlan(**{**one, **plan}), out=Path(place) / "run", cache=False,
            )  # fmt: skip
        f = next(f for f in run.findings if f.metric == "records_rebuilt")
        yield Row(f"{name}: {attack}, records rebuilt", f.value or 0, f.low, f.high, bar, better)
