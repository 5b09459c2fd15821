"""Updates with Gaussian noise, differentially private one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.privacy_budget import check_delta, check_epsilon
from divulge.defenses.accounting import gaussian_epsilon, gaussian_noise_for
from divulge.defenses.updates.clipping import UpdateClipping


@dataclass(frozen=True)
class UpdateNoise:
    """Clipped to `norm`, and as much Gaussian noise on top that all updates that a client sends are (epsilon,
    delta)-differentially private against any others in their place (Balle and Wang 2018, theorem 8: the exact noise of
    the Gaussian mechanism).  Whoever sees that an update was sent compares it with another one, not with none, and two
    updates of a norm can be two norms apart: leaving one out would need half of the noise.

    rounds: how many updates a client sends; epsilon is of all of them.
    """

    epsilon: float = 8.0
    delta: float = 1e-5
    norm: float = 1.0
    rounds: int = 1

    card: ClassVar[DefenseCard] = DefenseCard(
        name="update_noise",
        title="Noisy updates",
        paper="balle2018",
        summary="clips an update and adds Gaussian noise to it",
        stage=Stage.UPDATE,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        check_epsilon("update_noise", self.epsilon)
        check_delta("update_noise", self.delta)
        if not 0 < self.norm < float("inf"):
            raise InputError(f"update_noise: a norm of {self.norm:g} clips nothing or all: it is above 0 and finite")
        if self.rounds < 1:
            raise InputError("update_noise: rounds is the number of updates that a client sends: at least 1")

    @property
    def deviation(self) -> float:
        """Of the noise on each value, relative to the norm: the sensitivity of one update is 2 norms, and many
        Gaussian mechanisms are one with less noise.
        """
        return float(2 * self.rounds**0.5 * gaussian_noise_for(self.epsilon, self.delta))

    def cost(self, rounds: int) -> float:
        """Epsilon at `delta` of so many updates."""
        return gaussian_epsilon(self.deviation / (2 * rounds**0.5), self.delta)

    def protect(self, change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
        """See UpdateDefense."""
        clipped = UpdateClipping(self.norm).protect(change, rng)
        spread = self.deviation * self.norm
        return tuple(np.asarray(part + spread * rng.normal(size=part.shape), dtype=part.dtype) for part in clipped)
