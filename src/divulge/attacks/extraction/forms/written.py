"""Copies of models that are not linear but have a formula with few unknowns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import log_softmax

MOST_EXPONENT = 700.0

IDENTITY, LOGARITHM, RECIPROCAL = "identity", "logarithm", "reciprocal"
LINKS: Final = (IDENTITY, LOGARITHM, RECIPROCAL)
"""What of an expected value is linear in the inputs: the links of McCullagh and Nelder 1989, chapter 2, that are used
for values (normal, Poisson, gamma)."""


def linked(values: Array, link: str) -> Array | None:
    """What is linear under a link; None where a value has no such thing."""
    if link == IDENTITY:
        return values
    if link == LOGARITHM:
        return np.log(values) if (values > 0).all() else None
    return 1 / values if (values != 0).all() else None


def unlinked(linear: Array, link: str) -> Array:
    """The value again."""
    if link == LOGARITHM:
        return np.asarray(np.exp(np.clip(linear, -MOST_EXPONENT, MOST_EXPONENT)))
    if link == RECIPROCAL:
        return np.asarray(1 / np.where(linear == 0, 1e-300, linear))
    return linear


@dataclass(frozen=True, eq=False)
class GeneralizedLinear:
    """A value behind a link.  weights: [inputs].  bias: one number."""

    weights: Array
    bias: float
    link: str

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        return unlinked(records.flat() @ self.weights + self.bias, self.link)


@dataclass(frozen=True, eq=False)
class OneAgainstRest:
    """Shares that are sigmoids of planes of their own, brought to a sum of one.  weights: [classes, inputs]."""

    weights: Array
    bias: Array

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        return shares_against_rest(records.flat() @ self.weights.T + self.bias)


def shares_against_rest(margins: Array) -> Array:
    """Log-probabilities [records, classes] of margins [records, classes]."""
    logs = -np.logaddexp(0.0, -margins)
    return np.asarray(logs - np.logaddexp.reduce(logs, axis=1)[:, None])


@dataclass(frozen=True, eq=False)
class Quadratic:
    """Log-odds that are quadratic in the inputs, as those of normal distributions are.

    terms: [classes, 1 + inputs + squares].  crossed: whether products of two inputs are among the squares.
    middle, size: [inputs], what the inputs are shifted and divided by.
    """

    terms: Array
    crossed: bool
    middle: Array
    size: Array

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        return log_softmax(squares((records.flat() - self.middle) / self.size, self.crossed) @ self.terms.T)


def squares(z: Array, crossed: bool) -> Array:
    """1, the inputs, and their squares or all products of two of them: [records, terms]."""
    one = np.ones((len(z), 1))
    if not crossed:
        return np.column_stack([one, z, z**2])
    first, second = np.triu_indices(z.shape[1])
    return np.column_stack([one, z, z[:, first] * z[:, second]])
