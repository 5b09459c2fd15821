"""Of targets that two parties train together."""

from __future__ import annotations

from typing import Protocol

from divulge.core.capability.targets import SplitModel
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.target import Target


class SendsCutGradients(SplitModel, Protocol):
    """One that can be trained by two parties, of whom one holds the first layers and gets back the slope of the loss by
    what they give out.
    """

    def cut_gradients(self, records: Records, layer: str | None = None) -> Array:
        """Slope of each record's own loss by what the layer gives out for it: [records, numbers]."""
        ...

    def sure_of_shares(self, shares: Array) -> Target:
        """One of the same form that says these class shares whatever it is asked, nearly."""
        ...
