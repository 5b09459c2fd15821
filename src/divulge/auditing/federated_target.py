"""Updates as they go over the wire of a federated round, by Flower: one client's, or the sum of all."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.targets import SendsUpdates
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.views.reconstruction import Sent
from divulge.defenses.federated.flower import CLIPPING_RANGE, MODULUS, Arrays, ClientRound, Federation, run


@dataclass(eq=False)
class FederatedTarget:
    """A target whose updates take part in a round of `clients`, each with as many records as the others.

    secure: under SecAgg+.  sees: "sum" for a server, which asks about the records of all clients together; "client"
    for whoever reads what one client sends, whose records are the first part.
    """

    inner: Any
    clients: int
    secure: bool
    sees: str = "sum"

    def __post_init__(self) -> None:
        if self.sees not in ("sum", "client"):
            raise InputError(f"reconstruction.sees: {self.sees!r} is unknown: choose sum or client")
        if not able(self.inner, SendsUpdates):
            raise InputError("federated rounds are played with modules of PyTorch: give the module itself")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def fresh(self, seed: int) -> FederatedTarget:
        """See TorchTarget."""
        return FederatedTarget(self.inner.fresh(seed), self.clients, self.secure, self.sees)

    def sent(
        self,
        records: Records,
        steps: int = 1,
        rate: float = 0.1,
        module: Any = None,
        epochs: int = 1,
        train: bool = True,
    ) -> Sent:
        """See TorchTarget: of rounds the weights are looked at, buffers are not."""
        return Sent(self.update(records, steps, rate, module, epochs, train), (), train)

    def update(
        self,
        records: Records,
        steps: int = 1,
        rate: float = 0.1,
        module: Any = None,
        epochs: int = 1,
        train: bool = True,
    ) -> Arrays:
        """See TorchTarget: what the round gives away.  Where one client is read, its records are all of `records`, and
        the other clients train on the same ones.
        """
        if self.sees == "sum" and len(records) < self.clients:  # the easiest case: a record that was sent by itself
            bare: Arrays = self.inner.update(records, steps, rate, module, epochs, train)
            return bare
        sent = module if module is not None else self.inner.module
        whole = [np.asarray(p.detach().cpu().numpy()) for p in sent.parameters()]
        parts = [records] * self.clients if self.sees == "client" else self._parts(records)

        def local_training(client: int, weights: Arrays, number: int) -> Arrays:
            local = copy.deepcopy(sent)
            change = self.inner.update(parts[client], steps, rate, local, epochs, train)
            return tuple(w - rate * c for w, c in zip(weights, change, strict=True))

        seen: list[ClientRound] = []
        after = run(
            Federation(1, secure=self.secure), [len(p) for p in parts], tuple(whole), local_training, 0, seen.append
        )
        if self.sees == "client":
            after = self._read(seen[0], whole)
        return tuple(np.asarray((b - a) / rate, dtype=b.dtype) for b, a in zip(whole, after, strict=True))

    def _parts(self, records: Records) -> list[Records]:
        return [records.take(rows) for rows in np.array_split(np.arange(len(records)), self.clients)]

    def _read(self, seen: ClientRound, whole: list[Array]) -> Arrays:
        """The first client's weights, as they were sent: masked numbers are read as if they were not."""
        sent = seen.sent[0]
        if not seen.masked:
            return sent
        return tuple(
            np.asarray(part, dtype=np.float64).reshape(b.shape) / MODULUS * 2 * CLIPPING_RANGE - CLIPPING_RANGE
            for part, b in zip(sent[1:], whole, strict=True)
        )

    def provenance_note(self) -> str:
        """For the report."""
        how = "their sum under SecAgg+" if self.secure else "their mean"
        what = how if self.sees == "sum" else f"what one of them sends{', masked by SecAgg+' if self.secure else ''}"
        return f"{self.clients} clients, of which is seen: {what}"
