"""Exposure of a secret: how far up it stands among all the secrets that might have been drawn (Carlini et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from divulge.core.errors import InputError
from divulge.core.hashing import Array

REDRAWN = 200
"""Resamples behind the interval of an extrapolated exposure."""


def exposure(rank: Array | float, space: Array | float) -> Array:
    """log2 of the size of the space less log2 of the rank, which begins with 1: bits (definition 4).

    For a model that never saw the secret the rank is uniform, so that P(exposure >= b) <= 2^-b, with a mean of 1.44.
    """
    return np.asarray(np.log2(space) - np.log2(rank))


def expected_exposure(space: int) -> float:
    """Its mean for a model that never saw the secret: log2 n - log2(n!) / n, which tends to log2 e = 1.4427 bits."""
    from scipy.special import gammaln

    return float(np.log2(space) - gammaln(space + 1) / np.log(2) / space)


def combined_p_value(p_values: Sequence[float] | Array) -> float:
    """Of independent tests as one, by the sum of their logarithms (Fisher 1932); 1 for none.

    Ranks over a finite space are coarser than a uniform variable, which makes it too large and never too small.
    """
    from scipy.stats import chi2

    logs = np.log(np.asarray(p_values, dtype=np.float64))
    return float(chi2.sf(-2 * logs.sum(), 2 * len(logs))) if len(logs) else 1.0


@dataclass(frozen=True)
class Extrapolated:
    """bits: exposure; low, high: its 95 % interval over the draws.  p_value: exact, whatever the distribution is."""

    bits: float
    low: float
    high: float
    p_value: float


def extrapolated(own: float, drawn: Array, space: int, rng: Generator) -> Extrapolated:
    """Exposure of a secret of log-probability `own` in a space too large to go through, from `drawn` [n] secrets of it.

    A skew normal distribution is fitted to them by its moments, and the exposure is -log2 of its mass above `own`
    (section 4.3), at most log2 of the space.  The p-value needs no distribution: under the null hypothesis the secret
    is one more draw, so that (1 + draws as likely) / (1 + n) is exact.
    Raises InputError for fewer than 20 draws.
    """
    if len(drawn) < 20:
        raise InputError("an exposure is extrapolated from 20 secrets of the space at least")
    top = float(np.log2(space))
    again = [drawn[rng.integers(len(drawn), size=len(drawn))] for _ in range(REDRAWN)]
    bits = [min(_bits_above(own, part), top) for part in (drawn, *again)]
    low, high = np.quantile(bits[1:], [0.025, 0.975])
    return Extrapolated(bits[0], float(low), float(high), float((1 + (drawn >= own).sum()) / (1 + len(drawn))))


MOST_SKEW = 0.99
"""Of what a skew normal distribution can have at most, 0.9953."""


def _bits_above(value: float, drawn: Array) -> float:
    """-log2 of the mass above a value, of the skew normal distribution with the moments of the draws."""
    from scipy.special import ndtr, owens_t

    spread = float(drawn.std())
    if spread == 0:
        return 0.0 if value <= drawn[0] else np.inf
    gamma = float(np.clip(np.mean(((drawn - drawn.mean()) / spread) ** 3), -MOST_SKEW, MOST_SKEW))
    third = abs(gamma) ** (2 / 3)
    delta = np.sign(gamma) * np.sqrt(np.pi / 2 * third / (third + ((4 - np.pi) / 2) ** (2 / 3)))
    scale = spread / np.sqrt(1 - 2 * delta**2 / np.pi)
    place = float(drawn.mean()) - scale * delta * np.sqrt(2 / np.pi)
    shape = delta / np.sqrt(1 - delta**2)
    far = (value - place) / scale
    return float(-np.log2(np.clip(ndtr(-far) + 2 * owens_t(far, shape), 1e-300, 1.0)))
