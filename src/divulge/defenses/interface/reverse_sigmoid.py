"""Deceptive perturbation by a reverse sigmoid (Lee et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.defense import DefenseCard
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.signals import log_of_others, log_of_scores


@dataclass(frozen=True)
class ReverseSigmoid:
    """Each score y becomes y - beta (s(gamma s^-1(y)) - 1/2), then all are normalised; s is the sigmoid (Lee et al.
    2019, section III).  Several scores lead to one answer, so that it cannot be undone.

    beta: how far; below 1 no score becomes negative.  gamma: how steep.
    """

    beta: float = 0.7
    gamma: float = 0.2

    card: ClassVar[DefenseCard] = DefenseCard(
        name="reverse_sigmoid",
        title="Reverse sigmoid",
        paper="lee2019",
        summary="bends the scores so that several of them look alike",
        keeps_label=False,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if not 0 < self.beta < 1 or not 0 < self.gamma < float("inf"):
            raise InputError(
                "defenses.reverse_sigmoid: beta must lie between 0 and 1, and gamma above 0: else it alters nothing"
            )

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """In the log domain up to the perturbation, which is bounded."""
        from scipy import special

        classes = log_scores.shape[1]
        each = [log_of_others(log_scores, np.full(len(log_scores), c)) for c in range(classes)]
        logit = log_scores - np.stack(each, axis=1)
        bent = np.exp(log_scores) - self.beta * (special.expit(self.gamma * logit) - 0.5)
        bent = np.maximum(bent, 0.0)
        return log_of_scores(bent / bent.sum(axis=1, keepdims=True))
