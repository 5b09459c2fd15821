"""Federated learning as a defence: records stay with clients, and a server sees updates, or only their sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from divulge.core.defense import DefenseCard, Stage, UpdateDefense
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.persons import numbered
from divulge.core.privacy_budget import check_delta
from divulge.core.records import Records
from divulge.core.results.guarantee import Guarantee, Promise, Unbounded
from divulge.core.threat import Task
from divulge.defenses.accounting import cost_of
from divulge.defenses.federated.flower import Arrays, ClientRound, Federation, clipped, run
from divulge.defenses.updates.noise import UpdateNoise

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class Federated:
    """FedAvg or FedProx over clients, by Flower; with `secure` under SecAgg+.

    clients, rounds, local_epochs: of the training; local_steps instead of epochs where given.  skew: the classes of
    each client follow a Dirichlet distribution with this parameter; None for parts alike.  clip, noise, sampled, cap:
    of central differential privacy of clients (see flower.Federation); delta: at which its epsilon is told.
    protections: what clients do to an update before they send it.
    """

    clients: int = 10
    rounds: int = 20
    local_epochs: int = 1
    local_steps: int | None = None
    strategy: str = "fedavg"
    proximal: float = 0.1
    secure: bool = False
    skew: float | None = None
    clip: float | None = None
    noise: float = 0.0
    sampled: float = 1.0
    cap: int | None = None
    delta: float = 1e-5
    protections: tuple[UpdateDefense, ...] = field(default=(), compare=True)

    card: ClassVar[DefenseCard] = DefenseCard(
        name="federated",
        title="Federated learning",
        paper="mcmahan2017",
        summary="records stay with clients, and a server sees updates, or only their sum",
        stage=Stage.TRAINING,
        wants="fit_by",
        extra="torch",
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if self.clients < 2 or self.local_epochs < 1 or (self.local_steps or 1) < 1:
            raise InputError("federated: it needs two clients, and an epoch or a step of local training")
        if self.skew is not None and self.skew <= 0:
            raise InputError(f"federated: a skew of {self.skew} is none: give a positive one, smaller for more")
        check_delta("federated", self.delta)
        self.federation()

    def federation(self) -> Federation:
        """How its rounds are run."""
        private = self.clip, self.noise, self.sampled, self.cap
        return Federation(self.rounds, self.strategy, self.proximal, self.secure, *private)

    def guarantee(self, records: Records, base: Any) -> Promise | None:
        """See Accounted: of all global models, against a client with all its records.  Noise of the clients' own needs
        no trust in the server, so that it is told where there are both.
        """
        central = self._central() if self.noise else None
        noisy = next((p for p in self.protections if isinstance(p, UpdateNoise)), None)
        if noisy is None:
            return central
        beside = ["How often a client takes part is not hidden, and counted as once in each round."]
        if central is not None:
            beside.append(f"With the server's noise, and trust in it: {central}.")
        return Guarantee(
            noisy.cost(self.rounds),
            noisy.delta,
            f"replacing all records of one client, over {self.rounds} rounds",
            "nobody but the client itself",
            tuple(beside),
            units=self.clients,
            unit="clients",
        )

    def _central(self) -> Promise:
        cost = cost_of(self.noise, self.delta, self.sampled, self.rounds)
        if not np.isfinite(cost.stated):
            return Unbounded(f"{self.card.title} adds hardly any noise: {self.noise:g} times the most a client moves")
        server = "the server, which sees every update before there is noise on the mean"
        hidden = "the server to add the noise; under SecAgg+ it sees no more than the sum"
        return Guarantee(
            cost.stated,
            self.delta,
            f"adding or removing one client with all its records, over {self.rounds} rounds",
            hidden if self.secure else server,
            ("The sum of the clients' weights counts as public, and every client clips as it should.",),
            f"epsilon {cost.opacus:.3g} by Opacus, {cost.dp_accounting:.3g} by dp-accounting",
            self.clients,
            "clients",
        )

    def parts(self, records: Records, seed: int) -> list[Array]:
        """Rows of each client, none of them empty; a person's rows are all at one client, by the class of the first."""
        if len(records) < self.clients:
            raise InputError(f"federated: {len(records)} records are too few for {self.clients} clients")
        rng = derived_rng(seed, "clients")
        first, place, _ = numbered(records.groups if records.groups is not None else np.arange(len(records)))
        if len(first) < self.clients:
            raise InputError(f"federated: {len(first)} persons are too few for {self.clients} clients")
        order, y = rng.permutation(len(first)), records.y[first]
        owner = np.zeros(len(first), dtype=np.int64)
        if self.skew is None or records.schema.task is not Task.CLASSIFICATION:
            for client, part in enumerate(np.array_split(order, self.clients)):
                owner[part] = client
            return [np.flatnonzero(owner[place] == client) for client in range(self.clients)]
        for code in np.unique(y):
            shares = rng.dirichlet(np.full(self.clients, self.skew))
            mine = order[y[order] == code]
            owner[mine] = rng.choice(self.clients, len(mine), p=shares)
        for client in range(self.clients):  # everybody has a record
            if not (owner == client).any():
                owner[np.flatnonzero(owner == np.bincount(owner, minlength=self.clients).argmax())[0]] = client
        return [np.flatnonzero(owner[place] == client) for client in range(self.clients)]

    def fit(self, recipe: Any, records: Records, seed: int) -> nn.Module:
        """See TrainingDefense."""
        return self.watched(recipe, records, seed, None)

    def watched(
        self, recipe: Any, records: Records, seed: int, tap: Callable[[ClientRound], None] | None, start: Any = None
    ) -> nn.Module:
        """The same training with a tap on the wire.  start: a module to go on from."""
        import torch

        module: nn.Module = recipe.untrained(seed)[0]
        if start is not None:
            module.load_state_dict(start.state_dict())
        parts = self.parts(records, seed)
        regression = records.schema.task is Task.REGRESSION
        feed = recipe.feed(module, records.x, regression)
        data = [(feed.x(records.x[rows]), tensors(records.take(rows))[1]) for rows in parts]
        names = list(module.state_dict())
        federation = self.federation()

        def train(client: int, weights: Arrays, number: int) -> Arrays:
            local, _ = recipe.untrained(seed)
            load(local, names, weights)
            lots = torch.Generator().manual_seed(derived_seed(seed, "client", str(client), str(number)) % 2**63)
            self._local(recipe, local, *data[client], lots, feed)
            after = clipped(weights, _weights(local, names), federation.clip)
            sent = self._protected(weights, after, derived_rng(seed, "sent", str(client), str(number)))
            return clipped(weights, sent, federation.clip) if federation.noise else sent

        sizes = [len(rows) for rows in parts]
        load(module, names, run(federation, sizes, _weights(module, names), train, seed, tap))
        return module.eval()

    def _protected(self, before: Arrays, after: Arrays, rng: np.random.Generator) -> Arrays:
        if not self.protections:
            return after
        change = tuple(b - a for a, b in zip(after, before, strict=True))
        for protection in self.protections:
            change = protection.protect(change, rng)
        return tuple(np.asarray(b - c, dtype=b.dtype) for b, c in zip(before, change, strict=True))

    def _local(self, recipe: Any, module: nn.Module, x: Tensor, y: Tensor, lots: torch.Generator, feed: Any) -> None:
        optimizer = recipe.optimizer_for(module.parameters())
        fixed = [p.detach().clone() for p in module.parameters()]
        module.train()
        regression = y.is_floating_point()
        merged = recipe.feed(module, x.numpy(), regression).merged
        taken, wanted = 0, self.local_steps or self.local_epochs * (-(-len(x) // recipe.batch_size) - merged)
        while taken < wanted:
            for batch in _batches(len(x), recipe.batch_size, lots, merged):
                if taken == wanted:
                    break
                optimizer.zero_grad(set_to_none=True)
                outputs = module(x[batch])
                if feed.plain:
                    loss = recipe.loss(outputs.float(), y[batch], regression)
                else:
                    loss = feed.loss(outputs, x[batch], y[batch], regression)
                if self.strategy == "fedprox":
                    far = sum(((p - f) ** 2).sum() for p, f in zip(module.parameters(), fixed, strict=True))
                    loss = loss + self.proximal / 2 * far
                loss.backward()
                optimizer.step()
                taken += 1


def _batches(records: int, size: int, lots: torch.Generator, merged: bool) -> list[Tensor]:
    """Rows of one epoch's batches, in random order.  merged: a last one of a single record joins the one before."""
    import torch

    parts = list(torch.randperm(records, generator=lots).split(size))  # type: ignore[no-untyped-call]
    return [*parts[:-2], torch.cat(parts[-2:])] if merged and len(parts) > 1 else parts


def tensors(records: Records) -> tuple[Tensor, Tensor]:
    """Inputs and targets."""
    import torch

    kind = np.float32 if records.schema.task is Task.REGRESSION else np.int64
    x = torch.from_numpy(np.ascontiguousarray(records.x, dtype=np.float32))
    return x, torch.from_numpy(records.y.astype(kind))


def _weights(module: nn.Module, names: list[str]) -> Arrays:
    state = module.state_dict()
    return tuple(state[name].detach().cpu().numpy().copy() for name in names)


def load(module: nn.Module, names: list[str], weights: Arrays) -> None:
    """Put the entries of a state, in the order of `names`, into a module."""
    import torch

    state = module.state_dict()
    loaded = {n: torch.as_tensor(np.asarray(w)).to(state[n].dtype) for n, w in zip(names, weights, strict=True)}
    module.load_state_dict(loaded)
