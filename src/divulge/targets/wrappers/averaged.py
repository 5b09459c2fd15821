"""A target that answers at random, asked several times."""

from __future__ import annotations

from typing import Any

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.targets import Meets
from divulge.core.errors import InputError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.signals import logsumexp
from divulge.core.target import Target
from divulge.core.threat import Access, Task


class Averaged:
    """See core.target.Target: every question is put `times` times, and the answer is the mean of the probabilities or
    values, or the commonest label.  Everything else is the inner target's.
    """

    def __init__(self, inner: Target, times: int) -> None:
        if times < 2:
            raise InputError(f"average is {times}: it must be at least 2, or 1 for asking once")
        if able(inner, Meets):
            raise InputError("average: a service is asked about each record once: average behind its address")
        self.inner, self.times = inner, times

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        answers = np.stack([self.inner.answer(access, records) for _ in range(self.times)])
        if access is Access.SCORES and self.inner.task is Task.CLASSIFICATION:
            return np.asarray(logsumexp(answers, axis=0) - np.log(self.times))
        if access is Access.LABEL and self.inner.task is Task.CLASSIFICATION:
            return np.array([np.bincount(column).argmax() for column in answers.T.astype(np.int64)])
        return np.asarray(answers.mean(axis=0))

    def fingerprint(self) -> str:
        """See Target."""
        return digest(self.inner.fingerprint(), str(self.times))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for while it is copied, before there is an inner target
            raise AttributeError(name)
        found = getattr(self.__dict__["inner"], name)
        if name == "alike":
            return lambda model: Averaged(found(model), self.times)
        return found


def averaged(target: Target, times: int) -> Target:
    """The target itself for 1; raises InputError for fewer, and for a service."""
    return target if times == 1 else Averaged(target, times)
