"""Classes of a batch from the gradient of the last layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.views.reconstruction import Update, UpdateView

SUM_WEIGHT = 10.0
PULL, MISSED, MOST_PULLED = 0.1, 0.1, 100.0
"""To equal counts, where the equations are met up to this share of their right side; and how far it grows."""


def last_layer(view: UpdateView) -> tuple[Array, Array | None, int]:
    """Weights [classes, features] and biases of the last layer, and where its weights stand among the parameters.

    Raises Impossible where the last layer is not dense.
    """
    from torch import nn

    module: Any = view.target.parameters()
    parts = [(name, part) for name, part in module.named_modules() if not list(part.children())]
    dense = [(name, part) for name, part in parts if isinstance(part, nn.Linear)]
    learned = [part for _, part in parts if list(part.parameters())]
    if not dense or learned[-1] is not dense[-1][1] or dense[-1][1].out_features not in (1, view.classes):
        raise Impossible("it reads the classes off the gradient of a dense last layer, and this module has none")
    name, layer = dense[-1]
    place = [p for p, _ in module.named_parameters()].index(f"{name}.weight" if name else "weight")
    bias = None if layer.bias is None else layer.bias.detach().cpu().double().numpy()
    return layer.weight.detach().cpu().double().numpy(), bias, place


def label_counts(view: UpdateView, update: Update) -> Array:
    """How many records of each class are behind an update: whole numbers [classes] that sum up to the batch.

    One record: the class whose gradient is negative (Zhao et al. 2020, equation 5).  Several: the rows of the weights'
    gradient over that of the bias are mean features of the class's records; with the scores that these give, the
    bias's gradient is a linear function of the counts (Ma et al. 2023, section 4).
    """
    weights, bias, place = last_layer(view)
    passes = update.steps * update.epochs
    update = replace(update, change=tuple(part / passes for part in update.change))  # about the mean of its gradients
    slopes = np.asarray(update.change[place], dtype=np.float64)
    classes = view.classes
    if len(weights) == 1:
        return _two_classes(slopes, update)
    of_bias = np.asarray(update.change[place + 1], dtype=np.float64) if bias is not None else slopes.sum(axis=1)
    if update.batch == 1:
        return np.asarray(np.eye(classes, dtype=np.int64)[int(of_bias.argmin())])
    if bias is None:
        return rounded(np.maximum(-of_bias, 0), update.batch)
    return rounded(_solved(_scores_by_class(weights, bias, slopes, of_bias), of_bias, update.batch), update.batch)


def _two_classes(slopes: Array, update: Update) -> Array:
    """A single logit's slope is the mean of p - y."""
    bias = float(np.asarray(update.change[-1], dtype=np.float64).reshape(-1)[0]) if update.change[-1].size == 1 else 0.0
    positive = update.batch * (0.5 - bias)
    if update.batch == 1:
        positive = 1.0 if bias < 0 else 0.0
    share = np.clip(positive, 0, update.batch)
    return rounded(np.array([update.batch - share, share]), update.batch)


def _scores_by_class(weights: Array, bias: Array, slopes: Array, of_bias: Array) -> Array:
    """Mean scores of the records of each class, [classes, classes], from the mean features that the gradient shows."""
    safe = np.where(np.abs(of_bias) > 1e-12, of_bias, 1e-12)
    logits = (slopes / safe[:, None]) @ weights.T + bias
    logits -= logits.max(axis=1, keepdims=True)
    scores = np.exp(logits)
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def _solved(scores: Array, of_bias: Array, batch: int) -> Array:
    """Counts n >= 0 of sum `batch` with sum_j n_j (scores[j] - e_j) = batch * of_bias, by least squares.

    A trained network's scores differ from record to record of a class, and for records that it is sure of the gradient
    says next to nothing.  So counts are drawn to equal ones, the more so the worse the equations can be met.
    """
    from scipy.optimize import nnls

    classes = len(of_bias)
    system, wanted = (scores - np.eye(classes)).T, batch * of_bias

    def drawn(pull: float) -> Array:
        rows = np.vstack([system, SUM_WEIGHT * np.ones(classes), pull**0.5 * np.eye(classes)])
        values = np.concatenate([np.append(wanted, SUM_WEIGHT * batch), np.full(classes, pull**0.5 * batch / classes)])
        return np.asarray(nnls(rows, values)[0])

    counts = drawn(PULL)
    missed = float(np.linalg.norm(system @ counts - wanted) / max(float(np.linalg.norm(wanted)), 1e-12))
    return counts if missed <= MISSED else drawn(PULL * min(missed / MISSED, MOST_PULLED) ** 2)


def rounded(counts: Array, batch: int) -> Array:
    """The whole numbers nearest to these that sum up to the batch (largest remainders)."""
    counts = np.maximum(counts, 0)
    counts = counts * batch / max(float(counts.sum()), 1e-12)
    whole = np.floor(counts).astype(np.int64)
    rest = batch - int(whole.sum())
    for place in np.argsort(whole - counts, kind="stable")[:rest]:
        whole[place] += 1
    return np.asarray(whole)


def classes_of(view: UpdateView, updates: tuple[Update, ...]) -> Array:
    """Class codes behind every update, in rising order: [updates, batch]."""
    return np.stack([np.repeat(np.arange(view.classes), label_counts(view, u)) for u in updates])
