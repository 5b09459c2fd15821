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

from divulge.core.errors import InputError, MissingExtra
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
    clip, noise: of central differential privacy: each client's change is clipped to this norm, and the server adds
    Gaussian noise of noise * clip / clients to the mean (McMahan et al. 2018).
    """

    rounds: int = 10
    strategy: str = "fedavg"
    proximal: float = 0.1
    secure: bool = False
    clip: float | None = None
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.strategy not in ("fedavg", "fedprox"):
            raise InputError(f"federated: strategy {self.strategy!r} is unknown: choose fedavg or fedprox")
        if self.rounds < 1 or self.proximal < 0 or self.noise < 0 or (self.clip is not None and self.clip <= 0):
            raise InputError("federated: rounds must be at least 1, clip positive, proximal and noise not below 0")
        if not math.isfinite(self.noise) or (self.clip is not None and not math.isfinite(self.clip)):
            raise InputError("federated: clip and noise must be finite: leave noise out for none")
        if self.noise and self.clip is None:
            raise InputError("federated: noise needs clip: without it one client can change the mean by anything")


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
    grid = local.LocalGrid([local.Client(n, size, train) for n, size in enumerate(sizes)], federation.secure)
    secure = {
        "max_weight": float(max(sizes)),
        "clipping_range": CLIPPING_RANGE,
        "quantization_range": QUANTIZATION,
        "modulus_range": MODULUS,
    }
    proximal = federation.proximal if federation.strategy == "fedprox" else None
    server = local.Server(grid, proximal, secure if federation.secure else None, start)
    weights, rng, lots = start, derived_rng(seed, "central noise"), random.getstate()
    random.seed(seed)
    try:
        for number in range(1, federation.rounds + 1):
            server.round(number)
            after = _central(federation, server.weights, len(sizes), rng)
            server.weights = after
            if tap is not None:
                tap(ClientRound(number, weights, after, dict(grid.sent), federation.secure))
            weights = after
    finally:
        random.setstate(lots)
    return weights


def _central(federation: Federation, after: Arrays, clients: int, rng: Generator) -> Arrays:
    """Noise on what was aggregated; clients have clipped their changes already."""
    if federation.clip is None or not federation.noise:
        return after
    spread = federation.noise * federation.clip / clients
    return tuple(np.asarray(a + spread * rng.normal(size=a.shape), dtype=a.dtype) for a in after)


def clipped(before: Arrays, after: Arrays, norm: float | None) -> Arrays:
    """New weights whose change is no longer than `norm`."""
    if norm is None:
        return after
    change = [np.asarray(a, dtype=np.float64) - b for a, b in zip(after, before, strict=True)]
    length = float(np.sqrt(sum(float((c**2).sum()) for c in change)))
    shrink = min(1.0, norm / max(length, 1e-30))
    return tuple(np.asarray(b + shrink * c, dtype=b.dtype) for b, c in zip(before, change, strict=True))


def _flower() -> Any:
    """The module that imports Flower."""
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    try:
        return importlib.import_module("divulge.defenses.federated.local")
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "flwr", "federated") from error
