"""Whether the guarantees of differential privacy hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from opacus.optimizers import DPOptimizer
from opacus.utils.uniform_sampler import UniformWithReplacementSampler
from torch import nn

from divulge.claims.dp_training import dp_training
from divulge.data.sources import SOURCES
from divulge.defenses.accounting import cost_of
from divulge.defenses.training.dp_sgd import DpSgd
from divulge.training.recipes.pytorch import TorchRecipe
from harness import Row, rate


def accounting(quick: bool) -> Iterator[Row]:
    """Two accountants, over noise, rates and steps."""
    noises = (0.7, 2.0) if quick else (0.7, 1.0, 2.0, 4.0)
    grid = [(s, q, t) for s in noises for q in (0.01, 0.064, 0.2) for t in (50, 400)]
    apart = [abs(c.opacus / c.dp_accounting - 1) for c in (cost_of(s, 1e-5, q, t) for s, q, t in grid)]
    yield Row("epsilon by Opacus over epsilon by dp-accounting, less 1: most", max(apart), bar=0.01, better="below")
    rate, steps = DpSgd(epsilon=1.0).schedule(1_000, 64, 5)
    noise = DpSgd(epsilon=1.0).multiplier(rate, steps)
    yield Row("epsilon of the noise chosen for an epsilon of 1", cost_of(noise, 1e-5, rate, steps).stated, bar=1.0,
              better="below")  # fmt: skip


def small_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def watched(quick: bool) -> Iterator[Row]:
    """Trainings at a claimed epsilon of 1, as they should be and with planted bugs."""
    records = SOURCES["digits"]().take(np.arange(1_000))
    recipe = TorchRecipe(small_net, epochs=5, batch_size=64, learning_rate=3e-3)
    honest = DpSgd(epsilon=1.0)
    sampled, steps = honest.schedule(1_000, 64, 5)
    weak = DpSgd(noise=honest.multiplier(sampled, steps) / 10)
    runs = 2 if quick else 40

    def seen(made: DpSgd) -> list[Any]:
        return [dp_training(lambda s=s: made.fit(recipe, records, s), 1_000, claimed=1.0, seed=s) for s in range(runs)]

    right = seen(honest)
    bounds = [max(f.one_run, f.by_step) for f in right]
    yield rate("epsilon 1: runs whose bounds stay at or below 1", [b <= 1 for b in bounds], bar=0.95)
    yield rate("epsilon 1: runs that are accused", [f.verdict == "leak" for f in right], bar=0.05, better="below")
    yield Row(
        "epsilon 1: bound of one run, whatever the mechanism (median)", float(np.median([f.one_run for f in right]))
    )
    yield Row("epsilon 1: bound from steps, composed (median)", float(np.median([f.by_step for f in right])))
    bad = seen(weak)
    yield rate("noise / 10: runs caught", [f.verdict == "leak" for f in bad], bar=0.95)
    yield rate("noise / 10: runs caught by canaries alone", [max(f.one_run, f.by_step) > 1 for f in bad], bar=0.95)
    yield Row("noise / 10: bound from steps, composed (median)", float(np.median([f.by_step for f in bad])))
    plain = DPOptimizer.clip_and_accumulate, UniformWithReplacementSampler.__iter__
    try:
        DPOptimizer.clip_and_accumulate = _unclipped
        yield rate("no clipping: runs caught", [f.verdict == "leak" for f in seen(honest)], bar=0.95)
        DPOptimizer.clip_and_accumulate = plain[0]
        UniformWithReplacementSampler.__iter__ = _shuffled
        yield rate("no Poisson samples: runs caught", [f.verdict == "leak" for f in seen(honest)], bar=0.95)
    finally:
        DPOptimizer.clip_and_accumulate, UniformWithReplacementSampler.__iter__ = plain


def _unclipped(self: Any) -> None:
    for p in self.params:
        p.summed_grad = self._get_flat_grad_sample(p).sum(dim=0)


def _shuffled(self: Any) -> Iterator[list[int]]:
    for _ in range(self.steps):
        yield torch.randperm(self.num_samples, generator=self.generator)[
            : int(self.sample_rate * self.num_samples)
        ].tolist()
