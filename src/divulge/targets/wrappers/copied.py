"""A copy of a target, as a target: what an attack on a stolen model is played against."""

from __future__ import annotations

import numpy as np

from divulge.core.capability.targets import module_of
from divulge.core.errors import TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import CODED, Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.core.views.extraction import Surrogate
from divulge.targets.answers import SCORER_PORTS, VALUE_PORTS

INSIDE = frozenset({Access.LOGITS, Access.GRADIENTS, Access.INTERNALS})


class CopyTarget:
    """See core.target.Target.  The copy knows no more of the original than its name and its task."""

    def __init__(self, original: Target, copy: Surrogate) -> None:
        self._original, self._copy = original, copy
        self._torch: Target | None = None
        module = module_of(copy)
        if module is not None and hasattr(module, "state_dict") and original.task is Task.CLASSIFICATION:
            from divulge.targets.networks.pytorch import TorchTarget

            self._torch = TorchTarget(module, name=self.name)

    @property
    def name(self) -> str:
        """See Target."""
        return f"a copy of {self._original.name}"

    @property
    def task(self) -> Task:
        """See Target."""
        return self._original.task

    @property
    def offers(self) -> frozenset[Access]:
        """Everything, where the copy is a network."""
        if self.task is Task.REGRESSION:
            return VALUE_PORTS
        return SCORER_PORTS | INSIDE if self._torch is not None else SCORER_PORTS

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access in INSIDE:
            if self._torch is None or any(c.kind in CODED for c in records.schema.columns):
                raise TargetError(f"{self.name} has no port for {access.value}")
            return self._torch.answer(access, records)
        answer = self._copy.log_scores(records)
        if self.task is Task.REGRESSION or access is not Access.LABEL:
            return answer
        return np.asarray(answer.argmax(axis=1))

    def fingerprint(self) -> str:
        """See Target."""
        return digest("copy", self._original.fingerprint())
