"""What is published may be more than rows."""

from __future__ import annotations

from typing import Protocol

from divulge.core.mixed.counted import CellCounts
from divulge.core.records import Schema
from divulge.core.target import Target


class ShowsCounts(Target, Protocol):
    """Published counts."""

    def counts(self, schema: Schema) -> CellCounts:
        """Its cells in terms of the schema's columns; raises TargetError where they do not fit."""
        ...
