"""A higher temperature of the softmax (Shokri et al. 2017, section VIII)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.core.defense import DefenseCard
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.signals import log_softmax


@dataclass(frozen=True)
class Temperature:
    """Log-scores are divided by t before the softmax: above 1 the scores move towards each other, in the same order.

    An adversary who knows t undoes it, which is why shadow models stand behind the same defence.
    """

    t: float = 5.0

    card: ClassVar[DefenseCard] = DefenseCard(
        name="temperature",
        title="Softmax temperature",
        paper="shokri2017",
        summary="flattens the scores by a higher softmax temperature",
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if self.t <= 0:
            raise InputError(f"defenses.temperature.t is {self.t}: it must be above 0")

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """softmax(log p / t)."""
        return log_softmax(log_scores / self.t)
