"""Mechanisms whose epsilon is known, right ones and wrong ones: to see what an audit of one shows, and to test it with.

Records lie between 0 and 1; answers are of queries that one record changes by at most 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from divulge.core.hashing import Array

EPSILON = 1.0
"""Which all of these are claimed to have; the wrong ones have more."""

LIMIT = 1
"""Answers above the threshold after which the sparse vector technique stops."""


def noisy_sum(data: Array, rng: Generator) -> float:
    """The Laplace mechanism: epsilon 1."""
    return float(np.sum(data) + rng.laplace(scale=1 / EPSILON))


def noisy_mean(data: Array, rng: Generator) -> float:
    """A sum and a count, each with half of epsilon (Dwork and Roth 2014, section 3.3): epsilon 1."""
    total = np.sum(data) + rng.laplace(scale=2 / EPSILON)
    count = len(data) + rng.laplace(scale=2 / EPSILON)
    return float(total / max(count, 1.0))


def mean_with_plain_count(data: Array, rng: Generator) -> float:
    """Wrong: the noise is scaled by the number of records, and the number itself is divided by without noise, so that
    adding a record tells itself apart by the scale as well.
    """
    return float((np.sum(data) + rng.laplace(scale=1 / EPSILON)) / len(data))


def sum_with_half_the_noise(data: Array, rng: Generator) -> float:
    """Wrong: the scale of the noise is 0.5 instead of 1; epsilon 2."""
    return float(np.sum(data) + rng.laplace(scale=0.5 / EPSILON))


def gaussian_sum(deviation: float) -> Callable[[Array, Generator], float]:
    """The Gaussian mechanism with sensitivity 1: (1 / deviation)-GDP."""

    def gaussian(data: Array, rng: Generator) -> float:
        return float(np.sum(data) + deviation * rng.normal())

    return gaussian


def randomized_response(data: Array, rng: Generator) -> tuple[bool, ...]:
    """Each record above a half answers truly with probability e / (1 + e): epsilon 1 for changing a record."""
    truly = rng.random(len(data)) < np.exp(EPSILON) / (1 + np.exp(EPSILON))
    return tuple(bool(v) for v in np.where(truly, np.asarray(data) > 0.5, np.asarray(data) <= 0.5))


def sparse_vector(answers: Array, rng: Generator) -> tuple[bool, ...]:
    """Lyu, Su and Li 2017, algorithm 1: which answers exceed 1, up to the first: epsilon 1."""
    threshold = 1.0 + rng.laplace(scale=2 / EPSILON)
    told: list[bool] = []
    for answer in answers:
        told.append(bool(answer + rng.laplace(scale=4 * LIMIT / EPSILON) >= threshold))
        if sum(told) >= LIMIT:
            break
    return tuple(told)


def sparse_vector_without_noise_on_answers(answers: Array, rng: Generator) -> tuple[bool, ...]:
    """Wrong: Lyu et al. 2017, algorithm 5 (Stoddard et al. 2014): no epsilon at all."""
    threshold = 1.0 + rng.laplace(scale=2 / EPSILON)
    return tuple(bool(answer >= threshold) for answer in answers)


def sparse_vector_without_limit(answers: Array, rng: Generator) -> tuple[bool, ...]:
    """Wrong: Lyu et al. 2017, algorithm 6 (Chen et al. 2015): it never stops, and epsilon grows with the answers."""
    threshold = 1.0 + rng.laplace(scale=2 / EPSILON)
    return tuple(bool(answer + rng.laplace(scale=2 / EPSILON) >= threshold) for answer in answers)


def sparse_vector_that_tells_answers(answers: Array, rng: Generator) -> tuple[float | bool, ...]:
    """Wrong: Lyu et al. 2017, algorithm 3 (Roth 2011): the noisy answer above the threshold is told itself, which tells
    where the threshold was.
    """
    threshold = 1.0 + rng.laplace(scale=2 / EPSILON)
    told: list[float | bool] = []
    for answer in answers:
        noisy = answer + rng.laplace(scale=2 * LIMIT / EPSILON)
        told.append(float(noisy) if noisy >= threshold else False)
        if noisy >= threshold:
            break
    return tuple(told)


def noise_of_a_fixed_seed(data: Array, rng: Generator) -> float:
    """Wrong: the generator that is handed over is not used, and the noise is always the same: no epsilon at all."""
    return float(np.sum(data) + np.random.default_rng(0).laplace(scale=1 / EPSILON))
