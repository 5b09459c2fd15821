"""DP-SGD of softmax regression on Fashion-MNIST, many trainings at once, audited by the final models alone.

The setting of Annamalai and De Cristofaro 2024: a small set of records, full batches, a start that was trained without
noise on other records, and one record that is inserted or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.data.sources import fashion_mnist
from divulge.defenses.accounting import gaussian_noise_for
from divulge.stats.privacy.gaussian import epsilon_of, mu_lower_bound
from divulge.stats.roc import roc

CLASSES, DELTA, RATE, NORM = 10, 1e-5, 0.05, 1.0
TOGETHER = 100
"""Trainings in one product of matrices."""


@dataclass(frozen=True)
class Setting:
    """How large: records, steps, trainings of either kind."""

    records: int
    steps: int
    trainings: int


def softmax(z: Array) -> Array:
    """Of [..., classes]."""
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(z / z.sum(axis=-1, keepdims=True))


def trained(x: Array, y: Array, start: Array, noise: float, steps: int, count: int, rng: np.random.Generator) -> Array:
    """So many models [columns, count, classes] by DP-SGD on full batches: a record's gradient is the outer product of
    the record and its residual, and so is the length of both.
    """
    weights = np.repeat(start[:, None, :], count, axis=1).astype(np.float32)
    length = np.linalg.norm(x, axis=1)[:, None]
    truth = np.eye(CLASSES, dtype=np.float32)[y][:, None, :]
    columns = x.shape[1]
    for _ in range(steps):
        residual = softmax((x @ weights.reshape(columns, -1)).reshape(len(x), count, CLASSES)) - truth
        size = np.linalg.norm(residual, axis=-1) * length
        residual *= np.minimum(1.0, NORM / np.maximum(size, 1e-12))[..., None].astype(np.float32)
        summed = (x.T @ residual.reshape(len(x), -1)).reshape(weights.shape)
        summed += np.float32(noise * NORM) * rng.standard_normal(weights.shape, dtype=np.float32)
        weights -= np.float32(RATE) * summed
    return weights


def started(x: Array, y: Array, steps: int = 300) -> Array:
    """Weights [columns, classes] trained without noise on records that are not private."""
    weights = np.zeros((x.shape[1], CLASSES))
    truth = np.eye(CLASSES)[y]
    for _ in range(steps):
        weights -= 0.1 * x.T @ (softmax(x @ weights) - truth) / len(x)
    return weights


def canary(x: Array) -> Array:
    """A picture that is bright just where others are dark: nobody else pulls at its weights."""
    dark = x.mean(axis=0) <= np.quantile(x.mean(axis=0), 0.05)
    return np.asarray(dark.astype(np.float32) * x.max())


def final_model(setting: Setting, epsilon: float, seed: int = 0) -> tuple[float, float, float]:
    """Epsilon of the accountant, mu of it, and mu that final models show with 95 % confidence: the threshold-free test
    of stats.gaussian on the score of the canary's own class.
    """
    rng = np.random.default_rng(seed)
    pictures = fashion_mnist()
    x, y = pictures.x.reshape(len(pictures), -1).astype(np.float32), pictures.y.astype(int)
    x /= x.max()
    order = rng.permutation(len(x))
    public, private = order[: 5 * setting.records], order[5 * setting.records : 6 * setting.records]
    multiplier = gaussian_noise_for(epsilon, DELTA)
    noise = multiplier * setting.steps**0.5
    start = started(x[public], y[public])
    odd = canary(x[public])
    label = int(np.argmin(odd @ start))
    scores: list[list[Array]] = [[], []]
    for side in (0, 1):
        mine = np.concatenate([x[private], odd[None]]) if side else x[private]
        labels = np.append(y[private], label) if side else y[private]
        for _ in range(setting.trainings // TOGETHER):
            models = trained(mine, labels, start, noise, setting.steps, TOGETHER, rng)
            told = np.log(np.maximum(softmax(np.einsum("f,frc->rc", odd, models)), 1e-30))
            rest = np.log(np.maximum(1 - np.exp(told[:, label]), 1e-30))
            scores[side].append(told[:, label] - rest)
    values = np.concatenate([np.concatenate(part) for part in scores])
    places = np.arange(len(values))
    shown = mu_lower_bound(roc(Scored(values, places >= len(values) // 2, places, places)), 0.05)
    return epsilon_of(1 / multiplier, DELTA), 1 / multiplier, shown
