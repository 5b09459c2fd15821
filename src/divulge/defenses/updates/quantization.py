"""Updates whose values are sent with few bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import Array


@dataclass(frozen=True)
class UpdateQuantization:
    """Every value becomes one of 2**bits evenly spaced ones, up or down at random so that the mean stays (Alistarh et
    al. 2017, section 3.1, with the largest value of a parameter as its scale).
    """

    bits: int = 4

    card: ClassVar[DefenseCard] = DefenseCard(
        name="update_quantization",
        title="Quantised updates",
        paper="alistarh2017",
        summary="sends each value of an update with few bits",
        stage=Stage.UPDATE,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if self.bits < 1:
            raise InputError(f"update_quantization: {self.bits} bits hold nothing: give at least 1")

    def protect(self, change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
        """See UpdateDefense."""
        quantized = []
        for part in change:
            top = float(np.abs(part).max())
            step = 2 * top / (2**self.bits - 1) or 1.0  # 0 where all values are, or are too small to be divided
            places = (np.asarray(part, dtype=np.float64) + top) / step
            below = np.floor(places)
            up = rng.random(part.shape) < places - below
            quantized.append(np.asarray((below + up) * step - top, dtype=part.dtype))
        return tuple(quantized)
