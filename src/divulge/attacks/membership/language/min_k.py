"""The tokens that a model expects least (Shi et al. 2024), also in units of its own spread (Zhang et al. 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class MinK:
    """The mean log-probability of the share of a text's tokens that the model expects least.

    share: of the tokens, at least one of each text.
    """

    share: float = 0.2

    card: ClassVar[Card] = Card(
        name="min_k",
        title="Min-K %",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="shi2024",
        equations="Min-K % Prob: mean log p over the k % least likely tokens",
        summary="calls a text a member when even the tokens that the model expects least are likely",
        needs=Needs(Access.TOKEN_LOGPROBS, tasks=frozenset({Task.LANGUAGE})),
        strength=0.4,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text."""
        scores = view.target.token_logprobs(view.candidates)
        return MembershipGuess(least(scores, scores.logprob, self.share))


@dataclass(frozen=True)
class MinKPlus:
    """Min-K % of the log-probability less its mean under the model's own distribution, in standard deviations of that
    distribution.

    share: of the tokens, at least one of each text.
    """

    share: float = 0.2

    card: ClassVar[Card] = Card(
        name="min_k_plus",
        title="Min-K %++",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="zhang2025",
        equations="Min-K %++: (log p - mean) / deviation over the vocabulary, mean of the k % smallest",
        summary="as Min-K %, with every token measured against what the model expected of that place",
        needs=Needs(Access.TOKEN_LOGPROBS, tasks=frozenset({Task.LANGUAGE})),
        strength=0.5,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text.  Impossible where the model tells nothing but the log-probability of each token."""
        scores = view.target.token_logprobs(view.candidates)
        if not scores.whole:
            raise Impossible("the model does not tell its whole distribution at each token, by which each is measured")
        return MembershipGuess(least(scores, standardized(scores), self.share))


def standardized(scores: TokenScores) -> Array:
    """How many deviations each token's log-probability lies above its mean under the model's distribution: [tokens]; 0
    where all tokens of the vocabulary are equally likely.
    """
    away = scores.logprob - scores.mean
    return np.where(scores.sd > 1e-6, away / np.maximum(scores.sd, 1e-6), 0.0)


def least(scores: TokenScores, values: Array, share: float) -> Array:
    """The mean of the smallest `share` of each text's values, of at least one: [texts] from [tokens]."""
    return np.array([np.sort(part)[: max(1, int(share * len(part)))].mean() for part in scores.by_text(values)])
