"""Networks that learn from answers: soft or hard, with or without records that were not asked about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import log_softmax
from divulge.training.surrogates.encoding import encoded

TEMPERATURE = 3.0
"""At which scores are matched (Hinton et al. 2015): at 1, the order of unlikely classes would not be learned."""

SMALL = 100_000
"""Weights: a step of so small a network is done before a second thread has begun, and on a busy machine it waits."""

BATCH = 128
STEPS = (1200, 5000)
"""The fewest and the most of a training."""

RATE, RATE_OF_VALUES = 1e-3, 5e-3
"""Values are matched to many digits, for which the smaller rate does not come far enough in so many steps."""

SHARPEN = 0.5
MIX = 0.75
UNLABELED_WEIGHT = 1.0


class Standardized(nn.Module):
    """The network behind a fixed shift and scale of its inputs, so that it takes raw ones; for regression, of its
    output too.
    """

    def __init__(self, inner: nn.Module, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.inner = inner
        self.middle, self.spread = 0.0, 1.0
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [records, classes]."""
        out: Tensor = self.inner((x - self.mean) / self.scale)  # type: ignore[operator]
        return out * self.spread + self.middle


@dataclass(frozen=True, eq=False)
class NetStudent:
    """A network and how records become its inputs."""

    network: nn.Module
    regression: bool = False

    @property
    def module(self) -> Any:
        """See Student."""
        return self.network

    def logits(self, records: Records) -> Array:
        """Outputs [records, classes]."""
        x = inputs(records)
        with torch.inference_mode():
            parts = [self.network.eval()(x[i : i + 4096]) for i in range(0, len(x), 4096)]
        return np.asarray(torch.cat(parts).double().numpy())

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        out = self.logits(records)
        return out.reshape(len(records)) if self.regression else log_softmax(out)


def inputs(records: Records) -> Tensor:
    """Images as they are, tables with categories one by one."""
    x = records.x if records.schema.is_image else encoded(records)
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


def fresh(records: Records, seed: int) -> NetStudent:
    """A network with its first weights, its inputs standardised as these records ask for (one record: not at all)."""
    x = inputs(records)
    outputs = len(records.schema.classes) or 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inner = of_size(x[0].numel(), outputs)
    mean, scale = torch.zeros(1), torch.ones(1)
    if len(x) > 1 and records.schema.is_image:
        mean, scale = x.mean().reshape(1), x.std().reshape(1)
    elif len(x) > 1:
        mean, scale = x.mean(dim=0), x.std(dim=0)
    scale = torch.where(scale > 0, scale, torch.ones(1))
    return NetStudent(Standardized(inner, mean, scale), not records.schema.classes)


def of_size(features: int, outputs: int) -> nn.Module:
    """Two layers, as wide as so many inputs ask for."""
    width = 512 if features >= 256 else 128
    return nn.Sequential(nn.Flatten(), nn.Linear(features, width), nn.ReLU(), nn.Linear(width, outputs))


@contextmanager
def enough_threads(network: nn.Module) -> Iterator[None]:
    """One thread for a small network, as many as before for others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if sum(p.numel() for p in network.parameters()) < SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def teach(
    records: Records,
    wanted: Array,
    seed: int,
    *,
    steps: int | None = None,
    unlabeled: Records | None = None,
) -> NetStudent:
    """AdamW under a one-cycle schedule; soft answers at a temperature, hard ones by cross-entropy, values by squared
    error.  unlabelled: MixMatch (Berthelot et al. 2019), as Jagielski et al. 2020 use it.
    """
    student = fresh(records, seed)
    generator = Generator().manual_seed(seed)
    x, y = inputs(records), torch.from_numpy(wanted.astype(np.float32))
    total = steps or int(np.clip(1000 + 0.3 * len(x), *STEPS))
    network = student.network
    rate = RATE if records.schema.classes else RATE_OF_VALUES
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=total)
    extra = None if unlabeled is None else inputs(unlabeled)
    target = Lesson(y, not records.schema.classes)
    if target.regression and isinstance(network, Standardized):
        network.middle, network.spread = float(y.mean()), float(y.std()) or 1.0
    network.train()
    with enough_threads(network):
        for step in range(total):
            batch = torch.randint(len(x), (min(BATCH, len(x)),), generator=generator)
            optimizer.zero_grad(set_to_none=True)
            if extra is None or target.regression:
                loss = target.loss(network(x[batch]), batch)
            else:
                others = extra[torch.randint(len(extra), (BATCH,), generator=generator)]
                loss = mixed_loss(network, x[batch], y[batch], others, generator, step / total)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    network.eval()
    return student


class Lesson:
    """The loss that fits the answers: values, labels, or soft scores."""

    def __init__(self, wanted: Tensor, regression: bool) -> None:
        self.regression = regression
        self._wanted = wanted
        self._soft = not regression and bool((wanted.max(dim=1).values < 1).any())
        if self._soft:
            self._wanted = torch.softmax(torch.log(wanted.clamp_min(1e-30)) / TEMPERATURE, dim=1)
        self._spread = float(wanted.std()) or 1.0 if regression else 1.0

    def loss(self, outputs: Tensor, batch: Tensor) -> Tensor:
        """The mean over a batch."""
        if self.regression:
            return functional.mse_loss(outputs.reshape(len(batch)) / self._spread, self._wanted[batch] / self._spread)
        heat = TEMPERATURE if self._soft else 1.0
        return heat**2 * -(self._wanted[batch] * torch.log_softmax(outputs / heat, dim=1)).sum(dim=1).mean()


def mixed_loss(
    network: nn.Module, x: Tensor, y: Tensor, others: Tensor, generator: Generator, progress: float
) -> Tensor:
    """MixMatch: guesses for unlabelled records, averaged over two disturbed copies and sharpened, then all mixed."""
    with torch.no_grad():
        seen = [torch.softmax(network(disturbed(others, generator)), dim=1) for _ in range(2)]
        guess = ((seen[0] + seen[1]) / 2) ** (1 / SHARPEN)
        guess = guess / guess.sum(dim=1, keepdim=True)
    all_x, all_y = torch.cat([disturbed(x, generator), disturbed(others, generator)]), torch.cat([y, guess])
    order = torch.randperm(len(all_x), generator=generator)
    share = float(np.random.default_rng(int(order[0])).beta(MIX, MIX))
    share = max(share, 1 - share)
    outputs = network(share * all_x + (1 - share) * all_x[order])
    blend = share * all_y + (1 - share) * all_y[order]
    labeled = -(blend[: len(x)] * torch.log_softmax(outputs[: len(x)], dim=1)).sum(dim=1).mean()
    rest = ((torch.softmax(outputs[len(x) :], dim=1) - blend[len(x) :]) ** 2).mean()
    return labeled + UNLABELED_WEIGHT * min(1.0, 4 * progress) * y.shape[1] * rest


def disturbed(x: Tensor, generator: Generator) -> Tensor:
    """Images moved by up to two pixels, tables with a little noise."""
    if x.ndim < 3:
        return x + 0.05 * x.std(dim=0) * torch.randn(x.shape, generator=generator)
    down, right = (int(torch.randint(-2, 3, (1,), generator=generator)) for _ in range(2))
    axes = (1, 2) if x.ndim == 3 or x.shape[-1] <= 4 else (2, 3)
    return torch.roll(x, shifts=(down, right), dims=axes)
