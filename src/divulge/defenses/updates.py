"""What clients do to their updates before they send them: clipping, pruning, quantisation, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.defenses.accounting import gaussian_noise_for


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
    )

    def __post_init__(self) -> None:
        if self.norm <= 0:
            raise InputError(f"update_clipping: a norm of {self.norm} leaves nothing: give a positive one")

    def protect(self, change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
        """See UpdateDefense."""
        shrink = min(1.0, self.norm / max(_norm(change), 1e-30))
        return tuple(np.asarray(part * shrink, dtype=part.dtype) for part in change)


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
    )

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise InputError(f"update_pruning: a share of {self.share} is none: give one from 0 to below 1")

    def protect(self, change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
        """See UpdateDefense."""
        made = []
        for part in change:
            cut = np.quantile(np.abs(part), self.share)
            made.append(np.where(np.abs(part) >= cut, part, np.zeros((), dtype=part.dtype)))
        return tuple(made)


@dataclass(frozen=True)
class UpdateQuantisation:
    """Every value becomes one of 2**bits evenly spaced ones, up or down at random so that the mean stays (Alistarh et
    al. 2017, section 3.1, with the largest value of a parameter as its scale).
    """

    bits: int = 4

    card: ClassVar[DefenseCard] = DefenseCard(
        name="update_quantisation",
        title="Quantised updates",
        paper="alistarh2017",
        summary="sends each value of an update with few bits",
        stage=Stage.UPDATE,
    )

    def __post_init__(self) -> None:
        if self.bits < 1:
            raise InputError(f"update_quantisation: {self.bits} bits hold nothing: give at least 1")

    def protect(self, change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
        """See UpdateDefense."""
        made = []
        for part in change:
            top = float(np.abs(part).max())
            step = 2 * top / (2**self.bits - 1) or 1.0  # 0 where all values are, or are too small to be divided
            places = (np.asarray(part, dtype=np.float64) + top) / step
            below = np.floor(places)
            up = rng.random(part.shape) < places - below
            made.append(np.asarray((below + up) * step - top, dtype=part.dtype))
        return tuple(made)


@dataclass(frozen=True)
class UpdateNoise:
    """Clipped to `norm`, and as much Gaussian noise on top that one update alone is (epsilon, delta)-differentially
    private against leaving it out (Balle and Wang 2018, theorem 8: the exact noise of the Gaussian mechanism).
    """

    epsilon: float = 8.0
    delta: float = 1e-5
    norm: float = 1.0

    card: ClassVar[DefenseCard] = DefenseCard(
        name="update_noise",
        title="Noisy updates",
        paper="balle2018",
        summary="clips an update and adds Gaussian noise to it",
        stage=Stage.UPDATE,
    )

    def __post_init__(self) -> None:
        if self.epsilon <= 0 or not 0 < self.delta < 1 or self.norm <= 0:
            raise InputError("update_noise: epsilon and norm must be positive, and delta between 0 and 1")

    @property
    def deviation(self) -> float:
        """Of the noise on each value, relative to the norm."""
        return gaussian_noise_for(self.epsilon, self.delta)

    def protect(self, change: tuple[Array, ...], rng: Generator) -> tuple[Array, ...]:
        """See UpdateDefense."""
        clipped = UpdateClipping(self.norm).protect(change, rng)
        spread = self.deviation * self.norm
        return tuple(np.asarray(part + spread * rng.normal(size=part.shape), dtype=part.dtype) for part in clipped)
