"""Tests that hold whatever the model is: under the null hypothesis two sets, or a coin's sides, are exchangeable."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import special
from scipy.stats import rankdata

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.results.estimate import Rate
from divulge.stats.intervals import clopper_pearson

THRESHOLDS = 20
"""Quantiles of the fresh records' scores at which the share of used records is bounded; Bonferroni pays for them."""


def permutation_p_value(own: Array, fresh: Array, rng: Generator, draws: int = 9999) -> float:
    """p-value of own [n] and fresh [m] scores being exchangeable, against own ones being larger on average.

    (1 + permutations with as large a difference of mean ranks) / (1 + draws): at most alpha with probability alpha
    under the null hypothesis, whatever the scores' distribution (Phipson and Smyth 2010).
    """
    if len(own) < 2 or len(fresh) < 2:
        raise InputError("a permutation test needs at least two records of either kind")
    both = np.concatenate([own, fresh])
    ranks = rankdata(both)
    seen = ranks[: len(own)].sum()
    as_large = 0
    for _ in range(draws):
        as_large += rng.permutation(ranks)[: len(own)].sum() >= seen - 1e-9
    return float((1 + as_large) / (1 + draws))


def rank_sum_p_value(ranks: Array, sides: int) -> float:
    """Exact p-value of ranks [canaries], each uniform on 0 .. sides - 1 under the null hypothesis, being so small.

    The distribution of their sum is a convolution, computed with integers as floats to full precision.
    """
    if ranks.min() < 0 or ranks.max() >= sides:
        raise InputError(f"ranks must lie in 0 .. {sides - 1}")
    chance = np.ones(1)
    for _ in range(len(ranks)):
        chance = np.convolve(chance, np.full(sides, 1 / sides))
    return float(min(1.0, chance[: int(ranks.sum()) + 1].sum()))


FEW_SUMS = 20_000
"""Possible sums up to which they are added up one by one; above that by Fourier transforms, to 1e-12."""


def drawn_sum_p_value(placed: Array, drawn: Array, chance: Array) -> float:
    """Exact p-value of the places of labels that were drawn by lot, one for each canary, adding up to so little.

    placed: int [canaries, labels], the place that each label of the lot would have had, ties included as they are.
    drawn: int [canaries], which label was drawn.  chance: [labels], of each label in the lot.
    Under the null hypothesis the places do not depend on the draw, so that the sum is distributed as the lot has it,
    whatever they are: P(sum <= that which was drawn) at most alpha with probability at most alpha.
    """
    rows = np.arange(len(placed))
    if placed.min() < 0 or placed.shape[1] != len(chance) or not np.isclose(chance.sum(), 1.0):
        raise InputError("places are whole numbers from 0, and every label has a chance in the lot")
    unit = int(np.gcd.reduce(placed, axis=None)) or 1
    steps, most = placed // unit, int((placed[rows, drawn] // unit).sum())
    exact = most <= FEW_SUMS
    spread = np.ones(1)
    for place in steps:
        one = np.bincount(place, chance, minlength=1)
        spread = (np.convolve(spread, one) if exact else _by_fourier(spread, one))[: most + 1]
    return float(min(1.0, spread.sum() + (0.0 if exact else 1e-12)))


def _by_fourier(a: Array, b: Array) -> Array:
    from scipy.signal import fftconvolve

    return np.asarray(np.maximum(fftconvolve(a, b), 0.0))


def used_share_at_least(own: Array, fresh: Array, alpha: float) -> float:
    """Lower bound at confidence 1 - alpha of the share of own records that were trained on.

    Unused own records score as fresh ones do, so above any threshold t
    P(own > t) <= share + (1 - share) P(fresh > t); solved for the share, with exact intervals for both rates.
    """
    best = 0.0
    each = alpha / THRESHOLDS
    for level in np.linspace(0.0, 1.0, THRESHOLDS, endpoint=False):
        threshold = np.quantile(fresh, level)
        above = clopper_pearson(Rate(int((own > threshold).sum()), len(own)), each).low
        chance = clopper_pearson(Rate(int((fresh > threshold).sum()), len(fresh)), each).high
        if above > chance:
            best = max(best, (above - chance) / (1 - chance))
    return float(best)


def one_run_epsilon(right: int, guesses: int, alpha: float, delta: float = 0.0, canaries: int | None = None) -> float:
    """Lower bound on epsilon from one training run in which each of many canaries was in or out by a fair coin, at
    confidence 1 - alpha (Steinke, Nasr and Jagielski 2023, theorem 5.2).

    right of `guesses` guesses about different canaries were right; of the others nothing was said.  Under
    (epsilon, 0)-differential privacy the number of right ones is dominated by a binomial with rate
    e^epsilon / (1 + e^epsilon); delta adds at most 2 canaries delta max_i (P(right - i <= X < right) / i) to its tail.
    Never above the finite-sample ceiling, the bound for as many guesses that are all right.
    """
    if not 0 <= right <= guesses:
        raise InputError(f"{right} of {guesses} guesses cannot be right")
    total = guesses if canaries is None else canaries
    low, high = 0.0, 50.0
    if one_run_tail(right, guesses, 0.0, delta, total) > alpha:
        return 0.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        if one_run_tail(right, guesses, middle, delta, total) > alpha:
            high = middle
        else:
            low = middle
    return low


def one_run_tail(right: int, guesses: int, epsilon: float, delta: float, canaries: int) -> float:
    """The most probable so many right guesses can be under (epsilon, delta)-differential privacy."""
    rate = special.expit(epsilon)
    at_least = special.bdtrc(right - 1, guesses, rate) if right > 0 else 1.0
    if delta == 0:
        return float(at_least)
    steps = np.arange(1, right + 1)
    between = special.bdtr(right - 1, guesses, rate) - np.where(
        steps < right, special.bdtr(np.maximum(right - 1 - steps, 0), guesses, rate), 0.0
    )
    extra = float(np.max(between / steps, initial=0.0))
    return float(min(1.0, at_least + 2 * canaries * delta * extra))
