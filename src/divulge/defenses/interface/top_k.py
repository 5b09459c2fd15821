"""Only the best classes (Shokri et al. 2017, section VIII)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.defense import DefenseCard
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.signals import log_of_scores
from divulge.core.threat import Access


@dataclass(frozen=True)
class TopK:
    """Scores of the k best classes are shown; whoever asks can only guess that the others share what is left."""

    k: int = 3

    card: ClassVar[DefenseCard] = DefenseCard(
        name="top_k",
        title="Best classes only",
        paper="shokri2017",
        summary="shows the scores of the best classes and hides the others",
        shows=Access.TOPK,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"defenses.top_k.k is {self.k}: it must be at least 1")

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """The k best as they are, the others at an equal share of the rest."""
        scores = np.exp(log_scores)
        hidden = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1, kind="stable") >= self.k
        if not hidden.any():
            return log_scores
        rest = np.where(hidden, scores, 0).sum(axis=1) / hidden.sum(axis=1)
        return np.where(hidden, log_of_scores(rest)[:, None], log_scores)
