"""A claimed epsilon put to the test inside the training: what Opacus' optimiser really does, step by step.

Samples are counted, clipped sums are computed again, and the noise is measured.  In the same run canaries are put into
single coordinates of the gradient, as a record could that pulls at one weight alone: with all noisy gradients in sight
they tell as much as any record can (Nasr et al. 2023; Steinke, Nasr and Jagielski 2023, section 5.2).
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from divulge.claims.one_run import judged
from divulge.core.errors import InputError, MissingExtra
from divulge.core.hashing import Array, derived_rng
from divulge.core.results.finding import Verdict
from divulge.core.results.trials import Scored
from divulge.defenses.accounting import cost_of, epsilon_of, gaussian_cost
from divulge.stats.gaussian import mu_lower_bound
from divulge.stats.roc import roc

MOST_CANARIES = 1000
KEPT_NOISE = 512
"""Coordinates whose noise is kept at each step."""

CLOSE = 1e-3
"""Relative difference up to which two sums of clipped gradients are the same."""

FEWEST_STEPS = 10


@dataclass(frozen=True)
class DpTraining:
    """What was done, and what it is worth.

    rate, steps: of the sampling.  noise: deviation of the noise over the largest contribution of a record, with its
    interval.  poisson: whether sample sizes vary as Poisson samples do.  clipped: whether sums were those of clipped
    gradients.  done: epsilon of what was seen, by the larger of two accountants; of samples that are not Poisson's
    without amplification.  one_run: epsilon is at least this, whatever the mechanism.  by_step: at least this if each
    step is a Gaussian mechanism on a Poisson sample.  faults: in words.
    """

    verdict: str
    claimed: float
    delta: float
    confidence: float
    records: int
    steps: int
    rate: float
    norm: float
    noise: float
    noise_low: float
    noise_high: float
    poisson: bool
    clipped: bool
    done: float
    one_run: float
    by_step: float
    canaries: int
    faults: tuple[str, ...]


@dataclass(eq=False)
class _Seen:
    """What the watch writes down.  canaries: coordinates; inside: which of them are in."""

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


def dp_training(
    train: Callable[[], object],
    records: int,
    *,
    claimed: float,
    delta: float = 1e-5,
    confidence: float = 0.95,
    seed: int = 0,
) -> DpTraining:
    """Run a training that uses Opacus' DPOptimizer, watch every step, and bound its epsilon.

    train: trains once, in this process and thread.  records: how many it trains on.  claimed, delta: what is claimed
    for adding or removing one record.
    The verdict is `leak` where a bound exceeds the claim, or where something was not done as the claim assumes.
    Raises InputError where no step of Opacus was seen, and MissingExtra without Opacus.
    """
    if claimed <= 0 or not 0 < delta < 1:
        raise InputError("an epsilon is claimed above 0, at a delta between 0 and 1")
    seen = _Seen(records, derived_rng(seed, "watch"))
    with _watched(seen), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train()
    if len(seen.sizes) < FEWEST_STEPS:
        raise InputError(
            f"{len(seen.sizes)} steps of Opacus' DPOptimizer were seen, at least {FEWEST_STEPS} are needed: train with "
            "Opacus, in this process"
        )
    return _weighed(seen, claimed, delta, confidence)


@contextlib.contextmanager
def _watched(seen: _Seen) -> Iterator[None]:
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


def _before(seen: _Seen, optimiser: Any) -> None:
    """Sizes and sums of the step, then the canaries that are sampled."""
    import torch

    with torch.no_grad():
        samples = [optimiser._get_flat_grad_sample(p) for p in optimiser.params]
        size, norm = len(samples[0]), float(optimiser.max_grad_norm)
        seen.sizes.append(size)
        seen.norm = norm
        summed = torch.cat([p.summed_grad.reshape(-1) for p in optimiser.params]).double().numpy()
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
        rate = min(1.0, float(optimiser.expected_batch_size) / seen.records)
        there = seen.inside & (seen.rng.random(len(seen.canaries)) < rate)
        seen.sampled.append(there)
        summed[seen.canaries[there]] += norm
        seen.held = summed
        _put(optimiser, summed)


def _put(optimiser: Any, flat: Array) -> None:
    import torch

    start = 0
    for p in optimiser.params:
        part = torch.from_numpy(flat[start : start + p.numel()]).to(p.summed_grad.dtype)
        p.summed_grad.copy_(part.view_as(p.summed_grad))
        start += p.numel()


def _after(seen: _Seen, optimiser: Any) -> None:
    """The noise of the step, and what the canaries look like in it."""
    import torch

    noisy = torch.cat([p.grad.reshape(-1) for p in optimiser.params]).double().numpy()
    seen.noise.append((noisy - seen.held)[:: max(1, len(noisy) // KEPT_NOISE)])
    seen.told.append(noisy[seen.canaries] / seen.norm)


def _weighed(seen: _Seen, claimed: float, delta: float, confidence: float) -> DpTraining:
    sizes = np.array(seen.sizes)
    rate, steps = float(sizes.mean() / seen.records), len(sizes)
    clipped = seen.apart < CLOSE
    reach = seen.norm if clipped else max(seen.largest, seen.norm)
    noise = np.concatenate(seen.noise)
    spread, level = float(noise.std()), 1 - confidence
    edges = np.sqrt(np.asarray(stats.chi2.ppf([1 - level / 2, level / 2], len(noise) - 1)) / (len(noise) - 1))
    poisson = _like_poisson(sizes, seen.records)
    multiplier = spread / reach
    done = _epsilon_of(multiplier, delta, rate, steps, poisson)
    one_run, by_step = _bounds(seen, delta, confidence, rate)
    slack = 3 * (rate * (1 - rate) / (seen.records * steps)) ** 0.5
    least = _at_least(multiplier / float(edges[0]), delta, max(rate - slack, 1e-5), steps, poisson)
    faults = _faults(seen, multiplier, clipped, poisson, done, claimed, least > claimed)
    caught = bool(faults) or max(one_run, by_step) > claimed
    return DpTraining(
        verdict=(Verdict.LEAK if caught else Verdict.NOT_FOUND).value,
        claimed=claimed,
        delta=delta,
        confidence=confidence,
        records=seen.records,
        steps=steps,
        rate=rate,
        norm=seen.norm,
        noise=multiplier,
        noise_low=multiplier / float(edges[0]),
        noise_high=multiplier / float(edges[1]),
        poisson=poisson,
        clipped=clipped,
        done=done,
        one_run=one_run,
        by_step=by_step,
        canaries=len(seen.canaries),
        faults=faults,
    )


def _like_poisson(sizes: Array, records: int) -> bool:
    """Whether sizes spread as those of samples in which each record takes part by its own coin: a chi-squared test of
    the variance, both sides, at one in ten thousand.  Full batches, where every coin says yes, pass.
    """
    rate = sizes.mean() / records
    usual = records * rate * (1 - rate)
    if usual < 1e-9:
        return True
    statistic = float(((sizes - sizes.mean()) ** 2).sum() / usual)
    low, high = (float(stats.chi2.ppf(level, len(sizes) - 1)) for level in (5e-5, 1 - 5e-5))
    return low <= statistic <= high


def _epsilon_of(multiplier: float, delta: float, rate: float, steps: int, poisson: bool) -> float:
    if multiplier < 0.05:
        return float("inf")
    if poisson:
        return cost_of(round(multiplier, 4), delta, min(1.0, round(rate, 5)), steps).stated
    return _without_amplification(multiplier, delta, rate, steps)


def _at_least(multiplier: float, delta: float, rate: float, steps: int, poisson: bool) -> float:
    """The same by one accountant."""
    if multiplier < 0.05:
        return float("inf")
    if poisson:
        return epsilon_of(round(multiplier, 4), delta, min(1.0, round(rate, 5)), steps)
    return _without_amplification(multiplier, delta, rate, steps)


def _without_amplification(multiplier: float, delta: float, rate: float, steps: int) -> float:
    """Every record takes part once an epoch, for certain."""
    epochs = max(1, round(rate * steps))
    return gaussian_cost(multiplier / epochs**0.5, delta)


def _bounds(seen: _Seen, delta: float, confidence: float, rate: float) -> tuple[float, float]:
    """From the canaries' sums over the whole run, and from single steps with a canary against single steps without."""
    told, sampled = np.stack(seen.told), np.stack(seen.sampled)
    level = (1 - confidence) / 2
    whole = judged(told.sum(axis=0), seen.inside, None, delta, 1 - level, derived_rng(0, "ties")).epsilon
    score = np.concatenate([told[sampled], told[:, ~seen.inside].reshape(-1)])
    there = np.concatenate([np.ones(int(sampled.sum()), dtype=bool), np.zeros(told[:, ~seen.inside].size, dtype=bool)])
    if not there.any() or there.all():
        return whole, 0.0
    places = np.arange(len(score))
    mu = mu_lower_bound(roc(Scored(score, there, places, places)), level)
    if mu <= 0:
        return whole, 0.0
    return whole, _at_least(1 / mu, delta, rate, len(seen.sizes), True)


def _faults(
    seen: _Seen, multiplier: float, clipped: bool, poisson: bool, done: float, claimed: float, more: bool
) -> tuple[str, ...]:
    told = []
    if not clipped:
        told.append(
            f"gradients are not clipped to {seen.norm:g}: one record contributed {seen.largest:.3g}, and what was "
            "added up is not the sum of clipped gradients"
        )
    if not poisson:
        told.append(
            "samples are not Poisson samples: their sizes do not vary as they should, and accountants that count on "
            f"them say nothing; without amplification epsilon is {done:.3g}"
        )
    if more:
        told.append(
            f"what was done costs an epsilon of {done:.3g}, with {multiplier:.3g} times the largest contribution as "
            f"noise; {claimed:g} was claimed"
        )
    return tuple(told)


def as_json(found: DpTraining) -> str:
    """For a machine to read."""
    return json.dumps(asdict(found), indent=2)
