"""What shadow fine-tunes say of texts beside the target: means over tokens, or token by token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.threat import Access, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipView


def needing_recipe() -> Needs:
    """Token log-probabilities, and how the model was trained."""
    return Needs(Access.TOKEN_LOGPROBS, frozenset({Knowledge.RECIPE}), tasks=frozenset({Task.LANGUAGE}))


def mean_logprob(scores: TokenScores) -> Array:
    """The mean log-probability of each text's tokens: [texts]."""
    return scores.mean_of(scores.logprob)


def mean_logprobs(view: MembershipView, shadows: int, centered: bool) -> tuple[Array, Array, Array]:
    """Mean log-probability of each text under the target [texts] and under the shadow models [models, texts], and which
    of these saw each text (bool [models, texts]).

    centered: whether to subtract each model's mean over all candidates.  Models of one recipe differ in level by seed,
    and half of the candidates are members of each, so that the level says nothing about a single text.
    """
    pool = view.shadows(shadows)
    target = mean_logprob(view.target.token_logprobs(view.candidates))
    signal = pool.token_signals(view.candidates, mean_logprob)
    if centered:
        target, signal = target - target.mean(), signal - signal.mean(axis=1, keepdims=True)
    return target, signal, pool.trained_on(view.candidates)


@dataclass(frozen=True, eq=False)
class TokenPool:
    """scores: of the target.  target: log p of each token, [tokens].  signal: the same of the shadow models, [models,
    tokens].  seen: which model saw each text, bool [models, texts].  others: all that the shadow models say.
    """

    scores: TokenScores
    target: Array
    signal: Array
    seen: Array
    others: tuple[TokenScores, ...]

    def of_tokens(self, values: Array) -> Array:
        """Numbers of texts [..., texts] repeated for each token: [..., tokens]."""
        return np.repeat(values, self.scores.counts, axis=-1)


def token_pool(view: MembershipView, shadows: int, centered: bool) -> TokenPool:
    """See TokenPool.  centered: whether each model's mean over all candidates, every text weighing the same, is
    subtracted.  Raises Impossible where a shadow model cuts texts into other tokens than the target.
    """
    pool = view.shadows(shadows)
    own = view.target.token_logprobs(view.candidates)
    others = tuple(pool.oracle(model).token_logprobs(view.candidates) for model in range(len(pool)))
    if not all(own.same_tokens(other) for other in others):
        raise Impossible("a shadow model cuts texts into other tokens than the target: train it with its tokenizer")
    signal = np.stack([own.logprob, *(other.logprob for other in others)])
    if centered:
        signal = signal - np.array([own.mean_of(row).mean() for row in signal])[:, None]
    return TokenPool(own, signal[0], signal[1:], pool.trained_on(view.candidates), others)
