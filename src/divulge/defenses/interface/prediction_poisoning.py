"""Prediction poisoning: maximising angular deviation (MAD; Orekondy et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from divulge.core.defense import DefenseCard
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import log_of_scores

HIDDEN = 64
AT_ONCE = 512


@dataclass(frozen=True)
class PredictionPoisoning:
    """Scores are moved, within an l1 distance, towards the corner of the simplex that turns the gradient of a student
    who learns from them farthest away: maximise |u(G y') - u(G y)|, u(v) = v / |v|, where the columns of G are the
    gradients of a surrogate's log-scores (Orekondy et al. 2020, equations 4 to 7).  The surrogate is a random network
    of one hidden layer, as in the paper's black-box setting.

    distance: l1 distance between shown and own scores, at most 2.  keep_argmax: only corners between the predicted
    class and another, so that the predicted class stays (MAD-argmax).  secret: seed of the surrogate.
    """

    distance: float = 0.5
    keep_argmax: bool = False
    secret: int = 0

    card: ClassVar[DefenseCard] = DefenseCard(
        name="prediction_poisoning",
        title="Prediction poisoning",
        paper="orekondy2020",
        summary="moves the scores so that a student's gradient points elsewhere",
        keeps_label=False,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if not 0 <= self.distance <= 2:
            raise InputError(f"defenses.prediction_poisoning.distance is {self.distance}: it must lie in [0, 2]")

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """Raises InputError: this defence needs to see the records."""
        raise InputError("defenses.prediction_poisoning: it alters scores of records, see alter_for")

    def alter_for(self, log_scores: Array, records: Records) -> Array:
        """The shown log-scores [records, classes]."""
        y, x = np.exp(log_scores), records.flat()
        shown = np.empty_like(y)
        for start in range(0, len(y), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            shown[part] = self._moved(y[part], grams(x[part], y.shape[1], self.secret))
        return log_of_scores(shown)

    def _moved(self, y: Array, gram: Array) -> Array:
        """Of all corners the one with the smallest cosine between gradients, at the distance allowed."""
        classes = y.shape[1]
        corners = np.repeat(np.eye(classes)[None], len(y), axis=0)
        if self.keep_argmax:
            top = np.eye(classes)[y.argmax(axis=1)]
            corners = 0.51 * top[:, None, :] + 0.49 * corners
        apart = np.abs(corners - y[:, None, :]).sum(axis=2)
        share = np.minimum(self.distance / np.maximum(apart, 1e-12), 1.0)[:, :, None]
        options = (1 - share) * y[:, None, :] + share * corners
        own = np.einsum("nk,nkl,nl->n", y, gram, y)
        other = np.einsum("nck,nkl,ncl->nc", options, gram, options)
        both = np.einsum("nck,nkl,nl->nc", options, gram, y)
        cosine = both / np.sqrt(np.maximum(other * own[:, None], 1e-300))
        return np.asarray(options[np.arange(len(y)), cosine.argmin(axis=1)])


@lru_cache(maxsize=8)
def _surrogate(features: int, classes: int, secret: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(secret)
    first = rng.standard_normal((HIDDEN, features)) * np.sqrt(2 / features)
    return first, rng.standard_normal((classes, HIDDEN)) * np.sqrt(2 / HIDDEN)


def grams(x: Array, classes: int, secret: int) -> Array:
    """Inner products of the gradients of each pair of log-scores by all weights of the surrogate:
    [records, classes, classes].

    With hidden layer h = relu(V x), logits W h and d_k = e_k - softmax: the gradient of log-score k by W is d_k h',
    by V it is (W' d_k * (h > 0)) x'; their inner products need no gradient to be written down.
    """
    first, last = _surrogate(x.shape[1], classes, secret)
    z = x @ first.T
    h = np.maximum(z, 0)
    logits = h @ last.T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    d = np.eye(classes)[None] - shares[:, None, :]
    back = (d @ last) * (z > 0)[:, None, :]
    outer = np.einsum("nkc,nlc->nkl", d, d) * (h**2).sum(axis=1)[:, None, None]
    return np.asarray(outer + np.einsum("nkh,nlh->nkl", back, back) * (x**2).sum(axis=1)[:, None, None])
