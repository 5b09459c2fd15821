"""Rows of a table behind updates, attribute by attribute."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from divulge.core.results.metric import ATTRIBUTES_REBUILT
from divulge.data.sources import census_income
from divulge.games.rebuild import RebuildPlan
from harness import Row
from properties.playing import coded
from rebuilding.playing import measure_of, played, share
from rebuilding.victims import parted


def tables(quick: bool) -> Iterator[Row]:
    """Census records, a category an indicator each, behind updates of the network of Vero et al. 2023, untrained."""
    records = census_income()
    rows = np.random.default_rng(0).permutation(len(records))[:6_000]
    sets = parted(coded(records.take(rows)), (1_000, 1_000, 4_000))
    torch.manual_seed(0)
    width = sets[0].x.shape[1]
    module = nn.Sequential(
        nn.Linear(width, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 2)
    )  # fmt: skip
    for batch in (1, 4) if quick else (1, 4, 16, 32):
        plan = RebuildPlan(max(2, (4 if quick else 32) // batch), batch=batch)
        for name, settings in (
            ("tableak", {"ensemble": 4, "steps": 150} if quick else {"ensemble": 12, "steps": 1_000}),
            ("inverting_gradients", {"steps": 150} if quick else {}),
        ):
            found, spent = played(name, module, sets, plan, **settings)
            what = f"census, batch {batch}, {name}"
            bar = 0.9 if name == "tableak" and batch == 1 else None
            yield share(f"{what}: attributes told", found, ATTRIBUTES_REBUILT, bar)
            yield Row(f"{what}: seconds", spent)
        blind = measure_of(found, ATTRIBUTES_REBUILT).baseline
        yield Row(f"census, batch {batch}, without the model: attributes told", float(np.mean(blind)))
