"""The easiest case of an adversary who rehearses updates on models of its own: it has the very model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.target import Surface, Target


class Updatable(Target, Protocol):
    """A target that can be trained further."""

    def updated(self, records: Records, steps: int, rate: float, epochs: int) -> Target:
        """The next version."""
        ...


@dataclass(frozen=True, eq=False)
class TheModelItself:
    """See core.scene.Shadows: one model, the target, which learned from none of these records."""

    target: Updatable
    records: Records
    see: Callable[[Target], Surface]

    @property
    def keep(self) -> Array:
        """See Shadows."""
        return np.zeros((1, len(self.records)), dtype=bool)

    def __len__(self) -> int:
        return 1

    def trained_on(self, records: Records) -> Array:
        """See Shadows."""
        return np.zeros((1, len(records)), dtype=bool)

    def surface(self, model: int) -> Surface:
        """See Shadows."""
        return self.see(self.target)

    def updated(self, model: int, records: Records, how: tuple[int, float, int]) -> Surface:
        """See Shadows."""
        return self.see(self.target.updated(records, *how))

    def signals(self, records: Records, signal_of: Callable[[Array, Array], Array]) -> Array:
        """See Shadows."""
        return signal_of(self.surface(0).log_scores(records), records.y)[None]
