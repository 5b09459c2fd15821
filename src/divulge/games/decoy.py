"""A model that has nothing to do with the audited one: what an attack steals from it says nothing about the latter."""

from __future__ import annotations

import numpy as np

from divulge.core.extraction import LINEAR, Parameters, Secrets
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.signals import log_softmax
from divulge.core.target import Target
from divulge.core.threat import Access, Task

PORTS = frozenset({Access.LABEL, Access.TOPK, Access.SCORES, Access.LOGITS})


class Decoy:
    """See core.target.Target.  A random linear model of the standardised inputs, seen through the target's ports."""

    def __init__(self, target: Target, records: Records, seed: int) -> None:
        self._target, self._seed = target, seed
        flat = records.flat()
        rng = np.random.default_rng(seed)
        self._outputs = max(len(records.schema.classes), 2) if target.task is Task.CLASSIFICATION else 1
        spread = np.maximum(flat.std(axis=0), 1e-3 * max(float(flat.std()), 1e-12))
        self._weights = 3 * rng.standard_normal((self._outputs, flat.shape[1])) / np.sqrt(flat.shape[1]) / spread
        self._bias = -self._weights @ flat.mean(axis=0)

    @property
    def name(self) -> str:
        """See Target."""
        return "a random linear model"

    @property
    def task(self) -> Task:
        """See Target."""
        return self._target.task

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return self._target.offers & PORTS

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        logits = records.flat() @ self._weights.T + self._bias
        if self.task is Task.REGRESSION:
            return np.asarray(logits[:, 0])
        if access is Access.LABEL:
            return np.asarray(logits.argmax(axis=1))
        return np.asarray(logits) if access is Access.LOGITS else log_softmax(logits)

    def secrets(self) -> Secrets:
        """Its own."""
        return Secrets(Parameters(LINEAR, (self._weights, self._bias)))

    def fingerprint(self) -> str:
        """See Target."""
        return digest("decoy", self._weights)
