"""Rounded scores (Shokri et al. 2017, section VIII; Tramèr et al. 2016, section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.defense import DefenseCard
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.signals import log_of_scores


@dataclass(frozen=True)
class Rounding:
    """Scores are rounded to so many decimals."""

    decimals: int = 2

    card: ClassVar[DefenseCard] = DefenseCard(
        name="rounding",
        title="Rounded scores",
        paper="shokri2017",
        summary="rounds the scores to a few decimals",
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if self.decimals < 0:
            raise InputError(f"defenses.rounding.decimals is {self.decimals}: it must be at least 0")

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """Exact zeros stand for scores that round to 0."""
        return log_of_scores(np.round(np.exp(log_scores), self.decimals))
