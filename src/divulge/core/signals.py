"""What attacks read off a model's answer, computed in the log domain.

A confidence that prints as 1.0 still has an order: it lies in the probabilities of the *other* classes, which are
tiny but not equal.  Nothing here divides by 1 - p or takes the logarithm of 0.
"""

from __future__ import annotations

import numpy as np

from divulge.core.hashing import Array

NEAR_CERTAIN = 1e-6
"""What a loss must exceed to be read off the score of the right class itself."""

DECIMALS = 12

LOG_FLOOR = float(np.log(np.nextafter(np.float32(0), np.float32(1), dtype=np.float32)))
"""Logarithm of the smallest positive float32 (about -103.3): what stands for a score of exactly zero."""


def logsumexp(values: Array, axis: int = -1) -> Array:
    """log(sum(exp(values))) along an axis; -inf for a slice that is all -inf."""
    top = np.max(values, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(values - top), axis=axis, keepdims=True)) + top
    return np.asarray(np.squeeze(total, axis=axis))


def log_softmax(logits: Array) -> Array:
    """Log-probabilities from logits [..., classes], float64, floored at LOG_FLOOR only where they are -inf."""
    logits = np.asarray(logits, dtype=np.float64)
    top = logits.argmax(axis=-1)[..., None]
    peak = np.take_along_axis(logits, top, axis=-1)
    below = logits - np.where(np.isfinite(peak), peak, 0.0)
    others = np.exp(below)
    np.put_along_axis(others, top, 0.0, axis=-1)  # 1 + others loses what is small: log1p keeps it
    return _floored(below - np.log1p(others.sum(axis=-1, keepdims=True)))


def _floored(log_values: Array) -> Array:
    """What is -inf becomes LOG_FLOOR; whatever is finite keeps its place, however small."""
    return np.where(np.isneginf(log_values), LOG_FLOOR, log_values)


def log_of_scores(scores: Array) -> Array:
    """Logarithm of probabilities [..., classes]; exact zeros become LOG_FLOOR."""
    scores = np.asarray(scores, dtype=np.float64)
    return np.log(np.where(scores > 0, scores, np.exp(LOG_FLOOR)))


def of_class(log_scores: Array, y: Array) -> Array:
    """Log p of the class y: [records] from [records, classes]."""
    return np.asarray(log_scores[np.arange(len(y)), y.astype(np.int64)])


def log_of_others(log_scores: Array, y: Array) -> Array:
    """log(1 - p_y) as the log-sum of the other classes: [records] from [records, classes]; never -inf."""
    rest = np.array(log_scores, dtype=np.float64)
    rest[np.arange(len(y)), y.astype(np.int64)] = -np.inf
    return _floored(logsumexp(rest))


def own_logit(log_scores: Array, y: Array) -> Array:
    """log(p_y / (1 - p_y)) from p_y alone, so that equal scores stay equal whatever the others are: logarithms of
    equal numbers differ in their last digit.  From the other classes where p_y is so near 1 that its order lies there:
    [records] from [records, classes]; finite.
    """
    own, others = of_class(log_scores, y), log_of_others(log_scores, y)
    left = -np.expm1(np.minimum(np.round(own, DECIMALS), -(NEAR_CERTAIN**2)))
    certain = (own >= -NEAR_CERTAIN) & (others <= np.log(2 * NEAR_CERTAIN))  # scores need not add up to 1
    return np.where(certain, own - others, np.round(own, DECIMALS) - np.log(left))


def logit_scaled(log_scores: Array, y: Array) -> Array:
    """log(p_y / (1 - p_y)), finite and ordered also at p_y = 1.0 (Carlini et al. 2022, eq. 6)."""
    return of_class(log_scores, y) - log_of_others(log_scores, y)


def entropy(log_scores: Array) -> Array:
    """Entropy of the scores in nats: [records] from [records, classes]."""
    return np.asarray(-(np.exp(log_scores) * log_scores).sum(axis=-1))


def _log_of_complements(log_scores: Array) -> Array:
    """log(1 - p_i) for every class: log1p where p_i is at most a half, the others' log-sum for the top class."""
    with np.errstate(divide="ignore"):
        complements = np.log1p(-np.minimum(np.exp(log_scores), 1.0))
    top = log_scores.argmax(axis=-1)
    complements[np.arange(len(top)), top] = log_of_others(log_scores, top)
    return _floored(complements)


def modified_entropy(log_scores: Array, y: Array) -> Array:
    """Modified prediction entropy (Song and Mittal 2021, eq. 6), [records]; small for a confident right answer.

    -(1 - p_y) log p_y - sum over i != y of p_i log(1 - p_i)
    """
    complements = _log_of_complements(log_scores)
    right = -np.exp(log_of_others(log_scores, y)) * of_class(log_scores, y)
    wrong = -(np.exp(log_scores) * complements)
    wrong[np.arange(len(y)), y.astype(np.int64)] = 0.0
    return np.asarray(right + wrong.sum(axis=-1))
