"""Federated learning by Flower, in this process: clients, a server, and what each of them sees.

Flower's own client and server code runs: its strategies, its SecAgg+ on both sides, its messages.  Only the network is
replaced by a call, so that a tap can stand on it.
"""

from __future__ import annotations

import copy
import logging
import os
import random
import uuid
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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

QUANTISATION, MODULUS = 2**22, 2**32


@dataclass(frozen=True, eq=False)
class Round:
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
        if self.noise and self.clip is None:
            raise InputError("federated: noise needs clip: without it one client can change the mean by anything")


def run(
    federation: Federation,
    sizes: Sequence[int],
    start: Arrays,
    train: LocalTraining,
    seed: int,
    tap: Callable[[Round], None] | None = None,
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
    tap: Callable[[Round], None] | None,
) -> Arrays:
    parts = _flower()
    grid = parts.grid(parts, [parts.client(parts, n, size, train) for n, size in enumerate(sizes)], federation.secure)
    context = parts.context(parts, grid, federation, start)
    if federation.secure:
        step = parts.secagg(
            1.0,
            0.6,
            max_weight=float(max(sizes)),
            clipping_range=CLIPPING_RANGE,
            quantization_range=QUANTISATION,
            modulus_range=MODULUS,
        )
    else:
        step = parts.plain
    weights, rng, lots = start, derived_rng(seed, "central noise"), random.getstate()
    random.seed(seed)
    try:
        for number in range(1, federation.rounds + 1):
            grid.begin(number)
            context.state.config_records["config"]["current_round"] = number  # type: ignore[index]
            step(grid, context)
            grid.complain()
            after = tuple(parts.arrays(context.state.array_records["parameters"]))
            after = _central(federation, weights, after, grid.plain, sizes, rng)
            context.state.array_records["parameters"] = parts.record(after)
            if tap is not None:
                tap(Round(number, weights, after, dict(grid.sent), federation.secure))
            weights = after
    finally:
        random.setstate(lots)
    return weights


def _central(
    federation: Federation, before: Arrays, after: Arrays, sent: dict[int, Arrays], sizes: Sequence[int], rng: Generator
) -> Arrays:
    """Noise on what was aggregated; clients have clipped their changes already."""
    if federation.clip is None or not federation.noise:
        return after
    spread = federation.noise * federation.clip / len(sizes)
    return tuple(np.asarray(a + spread * rng.normal(size=a.shape), dtype=a.dtype) for a in after)


def clipped(before: Arrays, after: Arrays, norm: float | None) -> Arrays:
    """New weights whose change is no longer than `norm`."""
    if norm is None:
        return after
    change = [np.asarray(a, dtype=np.float64) - b for a, b in zip(after, before, strict=True)]
    length = float(np.sqrt(sum(float((c**2).sum()) for c in change)))
    shrink = min(1.0, norm / max(length, 1e-30))
    return tuple(np.asarray(b + shrink * c, dtype=b.dtype) for b, c in zip(before, change, strict=True))


@dataclass(eq=False)
class _Flower:
    """What is used of Flower."""

    client: Any
    grid: Any
    context: Any
    plain: Any
    secagg: Any
    arrays: Any
    record: Any
    own: dict[str, Any] = field(default_factory=dict)


_LOADED: list[_Flower] = []


def _flower() -> _Flower:
    if not _LOADED:
        os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
        try:
            _LOADED.append(_load())
        except ModuleNotFoundError as error:
            raise MissingExtra(error.name or "flwr", "federated") from error
    return _LOADED[0]


def _load() -> _Flower:
    from flwr.client import ClientApp, NumPyClient
    from flwr.client.mod import secaggplus_mod
    from flwr.common import (
        ArrayRecord,
        ConfigRecord,
        Context,
        MessageTypeLegacy,
        RecordDict,
        bytes_to_ndarray,
        ndarrays_to_parameters,
        parameters_to_ndarrays,
    )
    from flwr.compat.common import recorddict_compat as compat
    from flwr.server import LegacyContext, ServerConfig, SimpleClientManager
    from flwr.server.compat.grid_client_proxy import GridClientProxy
    from flwr.server.strategy import FedAvg, FedProx
    from flwr.server.workflow import SecAggPlusWorkflow
    from flwr.server.workflow.default_workflows import default_fit_workflow
    from flwr.serverapp import Grid

    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1  # what Flower's own processes are told
    logging.getLogger("flwr").setLevel(logging.ERROR)

    class Client(NumPyClient):  # type: ignore[misc]
        def __init__(self, number: int, size: int, train: LocalTraining) -> None:
            super().__init__()
            self.number, self.size, self.train = number, size, train
            self.round = 0

        def fit(self, parameters: Any, config: Any) -> tuple[list[Array], int, dict[str, Any]]:
            found = self.train(self.number, tuple(parameters), self.round)
            return [np.asarray(part) for part in found], self.size, {}

    def always(client: Client) -> Any:
        def client_fn(context: Context) -> Any:
            return client.to_client()

        client_fn.__annotations__["context"] = Context  # Flower looks at the type itself
        return client_fn

    class LocalGrid(Grid):  # type: ignore[misc]
        """Messages are answered at once, and what clients send is kept."""

        def __init__(self, parts: _Flower, clients: list[Any], secure: bool) -> None:
            self.clients = {number + 1: client for number, client in enumerate(clients)}
            mods = [secaggplus_mod] if secure else []
            self.apps = {node: ClientApp(client_fn=always(client), mods=mods) for node, client in self.clients.items()}
            self.contexts = {
                node: Context(run_id=1, node_id=node, node_config={}, state=RecordDict(), run_config={})
                for node in self.clients
            }
            self.sent: dict[int, Arrays] = {}
            self.plain: dict[int, Arrays] = {}
            self.error: BaseException | None = None

        def begin(self, number: int) -> None:
            self.sent, self.plain, self.error = {}, {}, None
            for client in self.clients.values():
                client.round = number

        def complain(self) -> None:
            if self.error is not None:
                raise TargetError(f"a federated round failed: {type(self.error).__name__}: {self.error}")
            if len(self.sent) != len(self.clients):
                raise TargetError(f"{len(self.sent)} of {len(self.clients)} clients sent their part of a round")

        def set_run(self, run: Any) -> None:
            return None

        @property
        def run(self) -> Any:
            return None

        def create_message(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        def get_node_ids(self) -> Iterable[int]:
            return list(self.clients)

        def get_nodes(self) -> Iterable[Any]:
            return []

        def push_messages(self, messages: Iterable[Any]) -> Iterable[str]:
            raise NotImplementedError

        def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Any]:
            raise NotImplementedError

        def send_and_receive(self, messages: Iterable[Any], *, timeout: float | None = None) -> Iterable[Any]:
            return [self._answer(message) for message in messages]

        def _answer(self, message: Any) -> Any:
            message = copy.deepcopy(message)  # as if it had been sent: clients take messages apart
            node = message.metadata.dst_node_id
            for name, value in (("_message_id", str(uuid.uuid4())), ("_run_id", 1), ("_src_node_id", 99)):
                message.metadata.__dict__[name] = value
            try:
                reply = self.apps[node](message, self.contexts[node])
            except Exception as error:  # a client is foreign code: it may raise anything
                self.error = error.__cause__ or error
                raise TargetError(f"a federated round failed: {type(self.error).__name__}: {self.error}") from error
            self._keep(node, reply.content)
            return reply

        def _keep(self, node: int, content: Any) -> None:
            for record in content.config_records.values():
                if "masked_params" in record:
                    self.sent[node - 1] = tuple(bytes_to_ndarray(part) for part in record["masked_params"])
            for name, record in content.array_records.items():
                if name == "fitres.parameters" and len(record):
                    told = compat.arrayrecord_to_parameters(record, keep_input=True)
                    self.sent[node - 1] = tuple(parameters_to_ndarrays(told))

    def context(parts: _Flower, grid: Any, federation: Federation, start: Arrays) -> Any:
        state = RecordDict()
        state.config_records["config"] = ConfigRecord({"start_time": 0.0, "current_round": 0})
        state.array_records["parameters"] = parts.record(start)
        manager = SimpleClientManager()
        for node in grid.clients:
            manager.register(GridClientProxy(node, grid, 1))
        count = len(grid.clients)
        usual = {"min_fit_clients": count, "min_available_clients": count, "fraction_evaluate": 0.0}
        prox = federation.strategy == "fedprox"
        strategy = FedProx(proximal_mu=federation.proximal, **usual) if prox else FedAvg(**usual)
        bare = Context(run_id=1, node_id=0, node_config={}, state=state, run_config={})
        return LegacyContext(bare, ServerConfig(federation.rounds), strategy, manager)

    def record(arrays: Arrays) -> Any:
        return compat.parameters_to_arrayrecord(ndarrays_to_parameters(list(arrays)), keep_input=True)

    def arrays(found: Any) -> list[Array]:
        return parameters_to_ndarrays(compat.arrayrecord_to_parameters(found, keep_input=True))

    return _Flower(
        client=lambda parts, number, size, train: Client(number, size, train),
        grid=LocalGrid,
        context=context,
        plain=default_fit_workflow,
        secagg=SecAggPlusWorkflow,
        arrays=arrays,
        record=record,
        own={"MessageTypeLegacy": MessageTypeLegacy, "ArrayRecord": ArrayRecord},
    )
