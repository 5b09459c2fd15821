"""Which tokens of a text are known, and which are to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.language.texts import Prompted, Text
from divulge.core.language.token_scores import TokenScores

MOST_PREFIX = 50
LEAST = 2
"""Tokens that must be left to write: fewer are found by accident."""


def check_parts(prefix: int | None, suffix: int) -> None:
    """Raises InputError where nothing would be left to write, or less than nothing is given."""
    if suffix < 1 or (prefix is not None and prefix < 0):
        raise InputError(f"prefix {prefix} and suffix {suffix}: give 0 tokens or more, and ask for at least 1")


@dataclass(frozen=True, eq=False)
class HiddenPart:
    """start, stop: int [texts], the places among the scored tokens of each text that are to be written."""

    start: Array
    stop: Array

    def of(self, rows: Sequence[Array], counts: Array) -> list[Array]:
        """The hidden places of rows [tokens] of each text.  counts: tokens of each in the model that `start` and `stop`
        were made with; another tokenizer's are cut at the same shares.
        """
        parts = []
        for row, start, stop, count in zip(rows, self.start, self.stop, counts, strict=True):
            if len(row) == count:
                parts.append(row[start:stop])
                continue
            low, high = (round(len(row) * place / count) for place in (start, stop))
            parts.append(row[min(low, len(row) - 1) : max(high, low + 1)])
        return parts


def hidden_part(texts: Sequence[Text], scores: TokenScores, prefix: int | None, suffix: int) -> HiddenPart:
    """After `prefix` tokens, half of a text but at most 50 when None, the next `suffix` ones, fewer where it ends.
    Of a pair all of its completion is hidden.
    """
    counts = scores.counts
    start = np.minimum(counts // 2, MOST_PREFIX) if prefix is None else np.minimum(prefix, counts - LEAST)
    pairs = np.array([isinstance(text, Prompted) for text in texts])
    start = np.where(pairs, 0, np.maximum(start, 0))
    return HiddenPart(start, np.minimum(start + suffix, counts))


def in_letters(texts: Sequence[Text], part: HiddenPart, counts: Array) -> list[str]:
    """About what is hidden, for a reader: the same share of a text's letters."""
    shown = []
    for text, start, stop, count in zip(texts, part.start, part.stop, counts, strict=True):
        whole = text.completion if isinstance(text, Prompted) else str(text)
        shown.append(whole[round(len(whole) * start / count) : round(len(whole) * stop / count)])
    return shown
