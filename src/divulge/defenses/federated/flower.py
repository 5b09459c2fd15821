"""Federated learning by Flower, in this process: clients, a server, and what each of them sees.

Flower's own client and server code runs: its strategies, its SecAgg+ on both sides, its messages.  Only the network is
replaced by a call, so that a tap can stand on it.
"""

from __future__ import annotations

import importlib
import math
import os
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.errors import InputError, MissingExtra, TargetError
from divulge.core.hashing import Array, derived_rng

Arrays = tuple[Array, ...]
LocalTraining = Callable[[int, Arrays, int], Arrays]
"""`train(client, weights, round)`: the weights after a client's local training."""

CLIPPING_RANGE = 8.0
"""Of weights, as SecAgg+ quantises them."""

QUANTIZATION, MODULUS = 2**22, 2**32


@dataclass(frozen=True, eq=False)
class ClientRound:
    """One round as a tap sees it.

    before, after: the global weights.  sent: by client, what went over the wire: the new weights, or with secure
    aggregation numbers that mean nothing by themselves.  masked: whether they are those.
    """

    number: int
    before: Arrays
    after: Arrays
    sent: dict[int, Arrays]
    masked: bool


@dataclass(frozen=True)
class Federation:
    """How rounds are run.

    strategy: fedavg (McMahan et al. 2017) or fedprox (Li et al. 2020).  proximal: FedProx's mu.
    secure: SecAgg+ (Bell et al. 2020): the server learns the sum and no client's part of it.
    clip, noise: of central differential privacy (McMahan et al. 2018, algorithm 1): each client's change is clipped to
    this norm, and the server divides the sum of the changes by what the weights of the clients add up to in the mean,
    a fixed number, and adds Gaussian noise of `noise` times the most that one client can move the quotient.
    sampled: the share of clients that take part in a round, each by a lot of its own (Poisson).
    cap: records above which a client weighs no more; under noise None lets all weigh alike.
    """

    rounds: int = 10
    strategy: str = "fedavg"
    proximal: float = 0.1
    secure: bool = False
    clip: float | None = None
    noise: float = 0.0
    sampled: float = 1.0
    cap: int | None = None

    def __post_init__(self) -> None:
        if self.strategy not in ("fedavg", "fedprox"):
            raise InputError(f"federated: strategy {self.strategy!r} is unknown: choose fedavg or fedprox")
        if self.rounds < 1 or self.proximal < 0 or self.noise < 0 or (self.clip is not None and self.clip <= 0):
            raise InputError("federated: rounds must be at least 1, clip positive, proximal and noise not below 0")
        if not math.isfinite(self.noise) or (self.clip is not None and not math.isfinite(self.clip)):
            raise InputError("federated: clip and noise must be finite: leave noise out for none")
        if self.noise and self.clip is None:
            raise InputError("federated: noise needs clip: without it one client can change the mean by anything")
        if not 0 < self.sampled <= 1 or (self.cap is not None and self.cap < 1):
            raise InputError("federated: sampled is a share above 0 and at most 1, and cap a number of records")

    def weights(self, sizes: Sequence[int]) -> list[int]:
        """What each client counts, of these numbers of records."""
        if self.noise and self.cap is None:
            return [1] * len(sizes)
        return [min(size, self.cap) if self.cap is not None else size for size in sizes]

    def spread(self, sizes: Sequence[int]) -> float:
        """Deviation of the noise on each value of the mean: one client that comes or goes moves it by no more than clip
        * cap / (sampled * the sum of weights), McMahan et al. 2018, lemma 1.
        """
        if not self.noise or self.clip is None:
            return 0.0
        weights = self.weights(sizes)
        return self.noise * self.clip * (self.cap or 1) / (self.sampled * sum(weights))


def run(
    federation: Federation,
    sizes: Sequence[int],
    start: Arrays,
    train: LocalTraining,
    seed: int,
    tap: Callable[[ClientRound], None] | None = None,
) -> Arrays:
    """The global weights after all rounds.  sizes: records of each client, which weigh its part.

    Raises MissingExtra without Flower, TargetError where a round does not come to an end, and InputError for fewer
    than three clients under secure aggregation.
    """
    if federation.secure and len(sizes) < 3:
        raise InputError(f"federated: secure aggregation hides a client among others, and there are {len(sizes)}: 3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _run(federation, sizes, start, train, seed, tap)


def _run(
    federation: Federation,
    sizes: Sequence[int],
    start: Arrays,
    train: LocalTraining,
    seed: int,
    tap: Callable[[ClientRound], None] | None,
) -> Arrays:
    local = _flower()
    counts = federation.weights(sizes)
    clients = [local.Client(n, count, train) for n, count in enumerate(counts)]
    secure = {
        "max_weight": float(max(counts)),
        "clipping_range": CLIPPING_RANGE,
        "quantization_range": QUANTIZATION,
        "modulus_range": MODULUS,
    }
    proximal = federation.proximal if federation.strategy == "fedprox" else None
    weights, rng, lots = start, derived_rng(seed, "central noise"), random.getstate()
    drawn = derived_rng(seed, "clients of a round")
    random.seed(seed)
    try:
        for number in range(1, federation.rounds + 1):
            chosen = [c for c in clients if federation.sampled == 1 or drawn.random() < federation.sampled]
            grid = local.LocalGrid(chosen, federation.secure)
            if chosen:
                _enough(federation, len(chosen))
                server = local.Server(grid, proximal, secure if federation.secure else None, weights)
                server.round(number)
                mean = server.weights
            else:
                mean = weights
            after = _central(federation, weights, mean, sizes, [c.number for c in chosen], rng)
            if tap is not None:
                tap(ClientRound(number, weights, after, dict(grid.sent), federation.secure))
            weights = after
    finally:
        random.setstate(lots)
    return weights


def _enough(federation: Federation, clients: int) -> None:
    if federation.secure and clients < 3:
        raise TargetError(
            f"federated: {clients} clients were drawn for a round, and secure aggregation hides one among at least 3: "
            "take more clients, or a larger share of them"
        )


def _central(
    federation: Federation, before: Arrays, mean: Arrays, sizes: Sequence[int], chosen: Sequence[int], rng: Generator
) -> Arrays:
    """The mean over those who took part, as a sum over a number that does not depend on who did, with noise; clients
    have clipped their changes already.
    """
    spread = federation.spread(sizes)
    if not spread:
        return mean
    weights = federation.weights(sizes)
    share = sum(weights[n] for n in chosen) / (federation.sampled * sum(weights))
    parts = zip(before, mean, strict=True)
    return tuple(np.asarray(b + share * (m - b) + spread * rng.normal(size=b.shape), dtype=b.dtype) for b, m in parts)


def clipped(before: Arrays, after: Arrays, norm: float | None) -> Arrays:
    """New weights whose change is no longer than `norm`."""
    if norm is None:
        return after
    change = [np.asarray(a, dtype=np.float64) - b for a, b in zip(after, before, strict=True)]
    length = float(np.sqrt(sum(float((c**2).sum()) for c in change)))
    shrink = min(1.0, norm / max(length, 1e-30))
    return tuple(
        np.asarray(b + (np.trunc(shrink * c) if b.dtype.kind in "iu" else shrink * c), dtype=b.dtype)
        for b, c in zip(before, change, strict=True)
    )


def _flower() -> Any:
    """The module that imports Flower."""
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    try:
        return importlib.import_module("divulge.defenses.federated.local")
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "flwr", "federated") from error
