"""Updates of which only the largest values are sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import Array


@dataclass(frozen=True)
class UpdatePruning:
    """Of every parameter's change only the largest values are sent (Lin et al. 2018, section 3; as a defence Zhu et al.
    2019, section 5.3).

    share: of values that are set to 0.
    """

    share: float = 0.9

    card: ClassVar[DefenseCard] = DefenseCard(
        name="update_pruning",
        title="Pruned updates",
        paper="lin2018",
        summary="sends only the largest values of an update",
        stage=Stage.UPDATE,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise InputError(f"update_pruning: a share of {self.share} is none: give one from 0 to below 1")

    def protect(self, change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
        """See UpdateDefense."""
        pruned = []
        for part in change:
            cut = np.quantile(np.abs(part), self.share)
            pruned.append(np.where(np.abs(part) >= cut, part, np.zeros((), dtype=part.dtype)))
        return tuple(pruned)
