"""Noise on the scores, the same whenever the same record is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.defense import DefenseCard
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.signals import log_softmax


@dataclass(frozen=True)
class GaussianNoise:
    """Normal noise on the log-scores, drawn from the record and a secret of the owner.  The class can change.

    deviation: of the noise.  secret: whoever knows it can subtract the noise.
    """

    deviation: float = 1.0
    secret: int = 0

    card: ClassVar[DefenseCard] = DefenseCard(
        name="gaussian_noise",
        title="Noise on the scores",
        paper="tramer2016",
        summary="adds noise to the scores, always the same for the same record",
        keeps_label=False,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if not 0 < self.deviation < float("inf"):
            raise InputError(
                f"defenses.gaussian_noise.deviation is {self.deviation}: noise of that size alters nothing, or all; it "
                "is above 0 and finite, 1 say"
            )

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """softmax(log p + noise)."""
        return log_softmax(log_scores + self.deviation * normal_by_key(keys, log_scores.shape[1], self.secret))


def normal_by_key(keys: Array, width: int, secret: int) -> Array:
    """Standard normal numbers [records, width] that follow from each record's key and the secret alone (SplitMix64;
    Box and Muller 1958).
    """
    place = np.arange(2 * width, dtype=np.uint64)[None, :]
    state = keys[:, None] + (place + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(secret % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    state ^= state >> np.uint64(31)
    uniform = ((state >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    radius, angle = np.sqrt(-2 * np.log(uniform[:, :width])), 2 * np.pi * uniform[:, width:]
    return np.asarray(radius * np.cos(angle))
