"""A defence of the interface: no score is higher than a cap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.plugin import Array, DefenseCard


@dataclass(frozen=True)
class Capped:
    """Scores above the cap are lowered to it, and all are scaled to add up to one."""

    at: float = 0.8

    card: ClassVar[DefenseCard] = DefenseCard(
        name="capped", title="Capped scores", paper="none", summary="lowers scores above a cap"
    )

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """See Defense."""
        shown = np.minimum(np.exp(log_scores), self.at)
        return np.asarray(np.log(shown / shown.sum(axis=1, keepdims=True)))
