"""Texts after other texts, over the tokens that are scored with and without them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from divulge.attacks.membership.language.written import written
from divulge.core.errors import Impossible, TargetError
from divulge.core.hashing import Array
from divulge.core.language.texts import Prompted, Text, texts_of
from divulge.core.language.token_scores import LOGPROB, TOKEN, TokenScores
from divulge.core.views.membership import MembershipView


def strangers(view: MembershipView, shots: int) -> list[list[Text]]:
    """Population texts, the same for every candidate."""
    chosen = view.rng.permutation(len(view.population))[:shots]
    return [texts_of(view.population.take(chosen))] * len(view.candidates)


def alone_and_after(view: MembershipView, prefixes: Sequence[Sequence[Text]]) -> tuple[Array, Array]:
    """Mean log-likelihood of each text alone and after its prefix, over the tokens that both score: [texts] each."""
    asked: list[Text] = []
    for text, before in zip(texts_of(view.candidates), prefixes, strict=True):
        if isinstance(text, tuple) or any(isinstance(each, tuple) for each in before):
            raise Impossible("texts are token numbers, which have no room for a prefix here")
        start = " ".join(written(each) for each in before) + " "
        pair = text if isinstance(text, Prompted) else Prompted("", written(text))
        asked.append(Prompted(start + pair.prompt, pair.completion))
    alone = view.target.token_logprobs(view.candidates)
    try:
        after = view.target.token_logprobs(asked)
    except TargetError as error:  # all of them were answered alone
        raise Impossible(NO_ROOM) from error
    return _in_common(alone, after)


def _in_common(alone: TokenScores, after: TokenScores) -> tuple[Array, Array]:
    """After a prefix the first token of a text is scored too, and of a long text the end is not."""
    means, left = [], list[float]()
    for short, long in zip(alone.by_text_rows(), after.by_text_rows(), strict=True):
        skipped = _skipped(short[:, TOKEN], long[:, TOKEN])
        length = max(min(len(short), len(long) - skipped), 1)
        left.append(length / len(short))
        means.append((short[:length, LOGPROB].mean(), long[skipped:][:length, LOGPROB].mean()))
    if np.mean(left) < LEAST_LEFT:
        raise Impossible(NO_ROOM)
    first, second = np.array(means).T
    return np.minimum(first, -NOTHING), second


def _skipped(short: Array, long: Array) -> int:
    """1 where the tokens after a prefix begin one earlier, as far as they are told; else by their number."""
    if len(long) > 1 and not (np.isnan(short).any() or np.isnan(long).any()):
        compared = min(len(short), len(long) - 1, 3)
        return int((short[:compared] == long[1 : 1 + compared]).all())
    return int(len(long) > len(short))


LEAST_LEFT = 0.5
NO_ROOM = (
    "the prefix leaves less than half of the texts in the tokens that the model reads: raise max_tokens, or give "
    "shorter population texts"
)
NOTHING = 1e-9
"""A surprise, in nats a token, below which a text is known by heart and no ratio to it means anything."""
