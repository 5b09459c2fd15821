"""Updates that are no longer than a norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import Array


def _norm(change: tuple[Array, ...]) -> float:
    return float(np.sqrt(sum(float(np.square(part, dtype=np.float64).sum()) for part in change)))


@dataclass(frozen=True)
class UpdateClipping:
    """No update is longer than `norm` (Abadi et al. 2016, algorithm 1, of the update as a whole)."""

    norm: float = 1.0

    card: ClassVar[DefenseCard] = DefenseCard(
        name="update_clipping",
        title="Clipped updates",
        paper="abadi2016",
        summary="shortens long updates",
        stage=Stage.UPDATE,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if self.norm <= 0:
            raise InputError(f"update_clipping: a norm of {self.norm} leaves nothing: give a positive one")

    def protect(self, change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
        """See UpdateDefense."""
        shrink = min(1.0, self.norm / max(_norm(change), 1e-30))
        return tuple(np.asarray(part * shrink, dtype=part.dtype) for part in change)
