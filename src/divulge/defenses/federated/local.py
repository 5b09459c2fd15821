"""Flower without a network: its own client and server code, messages answered at once.  Imports Flower."""

from __future__ import annotations

import copy
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from flwr.client import ClientApp, NumPyClient
from flwr.client.mod import secaggplus_mod
from flwr.common import (
    ConfigRecord,
    Context,
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

from divulge.core.errors import FOREIGN, TargetError, raised
from divulge.core.hashing import Array

Arrays = tuple[Array, ...]

CONFIG, WEIGHTS = "config", "parameters"
"""Names of what Flower's server keeps between rounds."""

SHARES, ENOUGH = 1.0, 0.6
"""Of SecAgg+: every client shares its secrets with all others, and three of five bring a lost one's back."""

TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1  # what Flower's own processes are told
logging.getLogger("flwr").setLevel(logging.ERROR)


class Client(NumPyClient):
    """One client.  train: see flower.LocalTraining."""

    def __init__(self, number: int, size: int, train: Callable[[int, Arrays, int], Arrays]) -> None:
        super().__init__()
        self.number, self.size, self.train, self.round = number, size, train, 0

    def fit(self, parameters: Any, config: Any) -> tuple[list[Array], int, dict[str, Any]]:
        """See Flower."""
        found = self.train(self.number, tuple(parameters), self.round)
        return [np.asarray(part) for part in found], self.size, {}


def _always(client: Client) -> Any:
    def client_fn(context: Context) -> Any:
        return client.to_client()

    client_fn.__annotations__["context"] = Context  # Flower looks at the type itself
    return client_fn


class LocalGrid(Grid):
    """What a server sends its clients through.  sent: what each client sent in this round, masked or not."""

    def __init__(self, clients: Sequence[Client], secure: bool) -> None:
        self.clients = {client.number + 1: client for client in clients}
        mods: Any = [secaggplus_mod] if secure else []
        self.apps = {node: ClientApp(client_fn=_always(client), mods=mods) for node, client in self.clients.items()}
        self.contexts = {
            node: Context(run_id=1, node_id=node, node_config={}, state=RecordDict(), run_config={})
            for node in self.clients
        }
        self.sent: dict[int, Arrays] = {}

    def begin(self, number: int) -> None:
        """A new round."""
        self.sent = {}
        for client in self.clients.values():
            client.round = number

    def check(self) -> None:
        """Raises TargetError where a client sent nothing."""
        if len(self.sent) != len(self.clients):
            raise TargetError(f"{len(self.sent)} of {len(self.clients)} clients sent their part of a round")

    def set_run(self, run: Any) -> None:
        """There is one run."""

    @property
    def run(self) -> Any:
        """There is one run."""
        return None

    def create_message(self, *args: Any, **kwargs: Any) -> Any:
        """Not used by the strategies here."""
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        """See Flower."""
        return list(self.clients)

    def get_nodes(self) -> Iterable[Any]:
        """Not used by the strategies here."""
        return []

    def push_messages(self, messages: Iterable[Any]) -> Iterable[str]:
        """Not used by the strategies here."""
        raise NotImplementedError

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Any]:
        """Not used by the strategies here."""
        raise NotImplementedError

    def send_and_receive(self, messages: Iterable[Any], *, timeout: float | None = None) -> Iterable[Any]:
        """See Flower."""
        return [self._answer(message) for message in messages]

    def _answer(self, message: Any) -> Any:
        message = copy.deepcopy(message)  # as if it had been sent: clients take messages apart
        node = message.metadata.dst_node_id
        for name, value in (("_message_id", str(uuid.uuid4())), ("_run_id", 1), ("_src_node_id", 99)):
            message.metadata.__dict__[name] = value
        try:
            reply = self.apps[node](message, self.contexts[node])
        except FOREIGN as error:  # a client is foreign code: it may raise anything
            raise TargetError(f"a federated round failed: {raised(error.__cause__ or error)}") from error
        self._keep(node, reply.content)
        return reply

    def _keep(self, node: int, content: Any) -> None:
        for record in content.config_records.values():
            if "masked_params" in record:
                self.sent[node - 1] = tuple(bytes_to_ndarray(part) for part in record["masked_params"])
        for name, record in content.array_records.items():
            if name == "fitres.parameters" and len(record):
                parameters = compat.arrayrecord_to_parameters(record, keep_input=True)
                self.sent[node - 1] = tuple(parameters_to_ndarrays(parameters))


class Server:
    """Flower's server: a strategy, and the global weights.  secure: settings of SecAgg+, None without it."""

    def __init__(self, grid: LocalGrid, proximal: float | None, secure: dict[str, Any] | None, start: Arrays) -> None:
        state = RecordDict()
        state.config_records[CONFIG] = ConfigRecord({"start_time": 0.0, "current_round": 0})
        state.array_records[WEIGHTS] = _record(start)
        manager = SimpleClientManager()
        for node in grid.clients:
            manager.register(GridClientProxy(node, grid, 1))
        count = len(grid.clients)
        usual: dict[str, Any] = {"min_fit_clients": count, "min_available_clients": count, "fraction_evaluate": 0.0}
        strategy = FedAvg(**usual) if proximal is None else FedProx(proximal_mu=proximal, **usual)
        bare = Context(run_id=1, node_id=0, node_config={}, state=state, run_config={})
        self._grid, self._context = grid, LegacyContext(bare, ServerConfig(1), strategy, manager)
        self._step: Any = default_fit_workflow if secure is None else SecAggPlusWorkflow(SHARES, ENOUGH, **secure)

    def round(self, number: int) -> None:
        """One round; raises TargetError where it does not come to an end."""
        self._grid.begin(number)
        self._context.state.config_records[CONFIG]["current_round"] = number
        self._step(self._grid, self._context)
        self._grid.check()

    @property
    def weights(self) -> Arrays:
        """The global ones."""
        parameters = compat.arrayrecord_to_parameters(self._context.state.array_records[WEIGHTS], keep_input=True)
        return tuple(parameters_to_ndarrays(parameters))

    @weights.setter
    def weights(self, arrays: Arrays) -> None:
        self._context.state.array_records[WEIGHTS] = _record(arrays)


def _record(arrays: Arrays) -> Any:
    return compat.parameters_to_arrayrecord(ndarrays_to_parameters(list(arrays)), keep_input=True)
