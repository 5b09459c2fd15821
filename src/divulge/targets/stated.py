"""Targets whose model does not tell what it predicts."""

from __future__ import annotations

from divulge.core.threat import Access, Task
from divulge.targets.answers import CLASSIFIER_PORTS, VALUE_PORTS


class StatedTarget:
    """Name, task and ports of a network: its owner says what it predicts, or the records do; else it classifies.

    An adapter sets `_name` and `stated_task`.
    """

    needs_classes = True
    """Nothing in a network tells which label an output stands for."""

    _name: str
    stated_task: Task | None

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return self.stated_task or Task.CLASSIFICATION

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return VALUE_PORTS if self.task is Task.REGRESSION else CLASSIFIER_PORTS

    def tell_task(self, task: Task) -> None:
        """What it predicts, where only the records could tell."""
        self.stated_task = task
