"""What a language model and a model that never saw a text say of it, as numbers to tell used texts by."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np

from divulge.attacks.membership.language.min_k import least, standardized
from divulge.attacks.membership.language.window_votes import WindowVotes
from divulge.attacks.membership.language.written import written
from divulge.auditing.run_attack import BLIND_CONFIDENCE, blind_reading
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.language.texts import texts_of
from divulge.core.language.token_scores import TokenScores, of_padded
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access
from divulge.core.wording import percent
from divulge.data.texts import text_records
from divulge.games.blind import blind_guesses

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""Of a text's tokens, the least likely ones: as in Maini et al. 2024, appendix on features."""


def text_signals(target: Target, texts: Records, reference: Target | None) -> Array:
    """High for texts that were trained on: [texts, signals].

    Mean log-probability, that of each share of the least likely tokens, and the mean over compressed bytes; the shares
    of standardised ones where the whole distribution is seen; and, against a reference, the mean gain and, where both
    cut texts into the same tokens, votes of windows and the smallest gains.
    Raises InputError for a model that tells no log-probabilities.
    """
    if Access.TOKEN_LOGPROBS not in target.offers:
        raise InputError(f"{target.name} tells no token log-probabilities, by which used texts are known: ask a model")
    scores = _scores(target, texts)
    mean = scores.mean_of(scores.logprob)
    size = np.array([len(zlib.compress(written(text).encode())) for text in texts_of(texts)])
    columns = [mean, mean / size, *_least(scores, scores.logprob)]
    if scores.whole:
        columns += _least(scores, standardized(scores))
    if reference is not None:
        other = _scores(reference, texts)
        columns.append(mean - other.mean_of(other.logprob))
        if scores.same_tokens(other):
            gain = scores.logprob - other.logprob
            columns += [WindowVotes().votes(scores, gain), *_least(scores, gain)]
    return np.column_stack(columns)


def _scores(model: Target, texts: Records) -> TokenScores:
    return of_padded(np.asarray(model.answer(Access.TOKEN_LOGPROBS, texts)))


def _least(scores: TokenScores, values: Array) -> list[Array]:
    return [least(scores, values, share) for share in SHARES]


def told_apart(texts: Records, own: Array, seed: int) -> str:
    """Why own and fresh texts cannot be compared: they are told apart without any model.  Empty where they are not.

    own: bool [texts].
    """
    (read,) = text_records([texts_of(texts)])
    words = replace(read, groups=texts.groups)
    readings = [blind_reading(evidence) for evidence in blind_guesses(words, own, seed)]
    reading = max(readings, key=lambda found: found.low)
    if reading.low <= 0.5:
        return ""
    value, low, sure = (percent(figure) for figure in (reading.value, reading.low, BLIND_CONFIDENCE))
    return (
        f"a guesser that reads the texts and asks no model ranks an own text above a fresh one in {value} of cases "
        f"(at least {low}, {sure} confidence), so they were not drawn alike and any model may know either better: take "
        "fresh texts out at random, from those that would have been published"
    )
