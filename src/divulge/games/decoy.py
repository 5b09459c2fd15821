"""Models that have nothing to do with the audited one: what is stolen from them says nothing about the latter."""

from __future__ import annotations

import numpy as np

from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.signals import log_of_scores, log_softmax
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.core.views.extraction import LINEAR, Parameters, Secrets

DEPTH = 6
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


class TreeDecoy:
    """See core.target.Target.  A decision tree of random labels, for a target that tells which leaf answers."""

    def __init__(self, target: Target, records: Records, seed: int) -> None:
        from sklearn.tree import DecisionTreeClassifier

        rng = np.random.default_rng(seed)
        self._target, self._classes = target, max(len(records.schema.classes), 2)
        y = rng.integers(0, self._classes, len(records))
        self._tree = DecisionTreeClassifier(max_depth=DEPTH, random_state=seed % 2**31).fit(records.flat(), y)

    @property
    def name(self) -> str:
        """See Target."""
        return "a tree of random labels"

    @property
    def task(self) -> Task:
        """See Target."""
        return self._target.task

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return self._target.offers & (PORTS - {Access.LOGITS} | {Access.LEAVES})

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access is Access.LEAVES:
            return np.asarray(self._tree.apply(records.flat()), dtype=np.float64)
        scores = np.zeros((len(records), self._classes))
        scores[:, self._tree.classes_] = self._tree.predict_proba(records.flat())
        return np.asarray(scores.argmax(axis=1)) if access is Access.LABEL else log_of_scores(scores)

    def fingerprint(self) -> str:
        """See Target."""
        return digest("tree decoy", self._tree.tree_.threshold)


def decoy_for(target: Target, records: Records, seed: int) -> Target:
    """The decoy with the ports of a target."""
    return (TreeDecoy if Access.LEAVES in target.offers else Decoy)(target, records, seed)
