"""What Opacus' optimiser does in a training, written down step by step, with canaries put into its gradients."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from divulge.core.errors import MissingExtra
from divulge.core.hashing import Array
from divulge.core.results.trials import Scored

MOST_CANARIES = 4000
KEPT_NOISE = 512
"""Coordinates whose noise is kept at each step."""


@dataclass(eq=False)
class StepsSeen:
    """What the watch writes down.  canaries: coordinates; inside: which of them are in.  told: what is seen of
    them at each step by an adversary who knows all other records, and which were sampled, as the guarantee allows for.
    """

    records: int
    rng: np.random.Generator
    sizes: list[int] = field(default_factory=list)
    noise: list[Array] = field(default_factory=list)
    largest: float = 0.0
    norm: float = 0.0
    apart: float = 0.0
    canaries: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    inside: Array = field(default_factory=lambda: np.zeros(0, dtype=bool))
    told: list[Array] = field(default_factory=list)
    sampled: list[Array] = field(default_factory=list)
    held: Array = field(default_factory=lambda: np.zeros(0))
    known: Array = field(default_factory=lambda: np.zeros(0))


@contextlib.contextmanager
def watched(seen: StepsSeen) -> Iterator[None]:
    """Opacus' optimiser with a note-taker in it.  Not for trainings side by side."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from opacus.optimizers import DPOptimizer
    except ModuleNotFoundError as error:
        raise MissingExtra("opacus", "dp") from error
    plain = DPOptimizer.add_noise

    def add_noise(self: Any) -> None:
        _before(seen, self)
        plain(self)
        _after(seen, self)

    DPOptimizer.add_noise = add_noise
    try:
        yield
    finally:
        DPOptimizer.add_noise = plain


def _before(seen: StepsSeen, optimizer: Any) -> None:
    """Sizes and sums of the step, then the canaries that are sampled."""
    import torch

    with torch.no_grad():
        samples = [optimizer._get_flat_grad_sample(p) for p in optimizer.params]
        size, norm = len(samples[0]), float(optimizer.max_grad_norm)
        seen.sizes.append(size)
        seen.norm = norm
        summed = torch.cat([p.summed_grad.reshape(-1) for p in optimizer.params]).double().numpy()
        if size:
            lengths = torch.stack([s.reshape(size, -1).norm(dim=1) for s in samples]).norm(dim=0)
            factor = (norm / (lengths + 1e-6)).clamp(max=1.0)
            kept = [torch.einsum("i,i...->...", factor, s).reshape(-1) for s in samples]
            clipped = torch.cat(kept).double().numpy()
            seen.largest = max(seen.largest, float(lengths.max()))
            gap = float(np.linalg.norm(summed - clipped)) / max(float(np.linalg.norm(clipped)), 1e-12)
            seen.apart = max(seen.apart, gap)
        if not len(seen.canaries):
            count = min(MOST_CANARIES, len(summed) // 2)
            seen.canaries = seen.rng.permutation(len(summed))[:count]
            seen.inside = seen.rng.random(count) < 0.5
        rate = min(1.0, float(optimizer.expected_batch_size) / seen.records)
        there = seen.inside & (seen.rng.random(len(seen.canaries)) < rate)
        seen.sampled.append(there)
        seen.known = summed[seen.canaries]
        summed[seen.canaries[there]] += norm
        seen.held = summed
        _put(optimizer, summed)


def _put(optimizer: Any, flat: Array) -> None:
    import torch

    start = 0
    for p in optimizer.params:
        part = torch.from_numpy(flat[start : start + p.numel()]).to(p.summed_grad.dtype)
        p.summed_grad.copy_(part.view_as(p.summed_grad))
        start += p.numel()


def _after(seen: StepsSeen, optimizer: Any) -> None:
    """The noise of the step, and what the canaries look like in it."""
    import torch

    noisy = torch.cat([p.grad.reshape(-1) for p in optimizer.params]).double().numpy()
    seen.noise.append((noisy - seen.held)[:: max(1, len(noisy) // KEPT_NOISE)])
    seen.told.append((noisy[seen.canaries] - seen.known) / seen.norm)


def single_steps(seen: StepsSeen) -> Scored | None:
    """What canaries look like in steps that they are sampled in, against those that are never in; None where one of
    the two is missing.
    """
    told, sampled = np.stack(seen.told), np.stack(seen.sampled)
    score = np.concatenate([told[sampled], told[:, ~seen.inside].reshape(-1)])
    there = np.concatenate([np.ones(int(sampled.sum()), dtype=bool), np.zeros(told[:, ~seen.inside].size, dtype=bool)])
    if not there.any() or there.all():
        return None
    places = np.arange(len(score))
    return Scored(score, there, places, places)


def whole_run(seen: StepsSeen) -> Array:
    """How much each canary looks like one that is in, over all steps: the logarithm of the likelihood ratio of a
    Gaussian mechanism on Poisson samples, with the noise and the rate that were seen; [canaries].
    """
    told, rate = np.stack(seen.told), float(np.mean(seen.sizes)) / seen.records
    variance = float(np.concatenate(seen.noise).var()) / seen.norm**2
    if rate >= 1 or variance < 1e-6:
        return np.asarray(told.sum(axis=0))
    taken = np.log(rate) + (told - 0.5) / variance
    return np.asarray(np.logaddexp(np.log1p(-rate), taken).sum(axis=0))
