"""What a language model says of the tokens of texts: log-probabilities, ragged, since texts differ in length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array

LOGPROB, MEAN, SD, RANK, TOKEN = range(5)
WIDTH = 5
"""Numbers of a token, in this order."""


@dataclass(frozen=True, eq=False)
class TokenScores:
    """Of every scored token of every text, one text after the other.

    rows: [tokens, 5], which are: log p of the token itself; mean and standard deviation of log p over the model's own
        distribution at that place; how many tokens are likelier there (0: the model's first choice is right); the
        number of the token in the model's vocabulary.  All but the first are NaN where the target does not tell them.
    start: int [texts + 1], where each text begins.
    """

    rows: Array
    start: Array

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def logprob(self) -> Array:
        """Log p of every token: [tokens]."""
        return self.rows[:, LOGPROB]

    @property
    def mean(self) -> Array:
        """Mean of log p under the model's own distribution: [tokens]."""
        return self.rows[:, MEAN]

    @property
    def sd(self) -> Array:
        """Its standard deviation: [tokens]."""
        return self.rows[:, SD]

    @property
    def rank(self) -> Array:
        """How many tokens are likelier: [tokens]; of the first k only, k means k or more."""
        return self.rows[:, RANK]

    @property
    def token(self) -> Array:
        """The token's number: [tokens]."""
        return self.rows[:, TOKEN]

    @property
    def counts(self) -> Array:
        """Scored tokens of each text: int [texts]."""
        return np.diff(self.start)

    @property
    def whole(self) -> bool:
        """Whether the whole distribution was seen at every place, so that means and deviations are there."""
        return not np.isnan(self.rows[:, [MEAN, SD]]).any()

    def by_text(self, values: Array) -> list[Array]:
        """Numbers of tokens [tokens], text by text."""
        return np.split(values, self.start[1:-1])

    def sum_of(self, values: Array) -> Array:
        """Sums over each text's tokens: [texts] from [tokens]."""
        return np.add.reduceat(values, self.start[:-1])

    def mean_of(self, values: Array) -> Array:
        """Means over each text's tokens: [texts] from [tokens]."""
        return np.asarray(self.sum_of(values) / self.counts)

    def take(self, index: Array) -> TokenScores:
        """The texts at these positions."""
        parts = self.by_text(np.arange(len(self.rows)))
        chosen = [parts[int(place)] for place in np.arange(len(self))[index]]
        return of_texts([self.rows[part] for part in chosen])

    def same_tokens(self, other: TokenScores) -> bool:
        """Whether both are about the same tokens, so that they can be compared one by one."""
        if len(self) != len(other) or not np.array_equal(self.start, other.start):
            return False
        known = ~(np.isnan(self.token) | np.isnan(other.token))
        return bool((self.token[known] == other.token[known]).all())

    def padded(self) -> Array:
        """As an answer of a target travels: [texts, longest, 5], NaN beyond the end of a text."""
        return padded(self.by_text_rows())

    def by_text_rows(self) -> list[Array]:
        """The rows of each text: [tokens of the text, 5]."""
        return np.split(self.rows, self.start[1:-1])


def of_texts(parts: Sequence[Array], texts: Sequence[object] = ()) -> TokenScores:
    """From one array a text: [tokens, 5], or of fewer numbers, down to log p alone [tokens].  texts: what they are
    about, so that an error shows the one at fault; without them it is numbered.

    Raises TargetError for a text without scored tokens, and for a log-probability that is NaN, infinite or above 0.
    """
    rows = [widened(part) for part in parts]
    for number, row in enumerate(rows):
        named = f"the text {str(texts[number])[:40]!r}" if len(texts) else f"text {number}"
        if not len(row):
            raise TargetError(
                f"{named} has no token that can be scored: a text needs two tokens, or the tokenizer a first one"
            )
        if not np.isfinite(row[:, LOGPROB]).all() or (row[:, LOGPROB] > 1e-3).any():
            raise TargetError(f"{named} has tokens whose log-probability is NaN, infinite or above 0")
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return TokenScores(np.concatenate(rows) if rows else np.empty((0, WIDTH)), start)


def widened(part: Array) -> Array:
    """Numbers of one text's tokens as [tokens, 5]; what is not told is NaN."""
    given = np.asarray(part, dtype=np.float64)
    given = given[:, None] if given.ndim == 1 else given
    if given.ndim != 2 or given.shape[1] > WIDTH:
        raise TargetError(f"the tokens of a text have the shape {given.shape}: one number a token, or up to five")
    full = np.full((len(given), WIDTH), np.nan)
    full[:, : given.shape[1]] = given
    return full


def padded(rows: Sequence[Array]) -> Array:
    """Rows of each text, [tokens, 5] or filled up with NaN already, as one array [texts, longest, 5]."""
    longest = max((len(row) for row in rows), default=0)
    full = np.full((len(rows), longest, WIDTH), np.nan)
    for place, row in enumerate(rows):
        full[place, : len(row)] = row
    return full


def trimmed(row: Array) -> Array:
    """One text's rows without what was filled up."""
    return row[~np.isnan(row[:, LOGPROB])]


def of_padded(answer: Array) -> TokenScores:
    """What `TokenScores.padded` made, or a target answered; raises TargetError as `of_texts` does."""
    if answer.ndim != 3 or answer.shape[2] != WIDTH:
        raise TargetError(f"token log-probabilities have the shape {answer.shape}: [texts, tokens, {WIDTH}] is needed")
    return of_texts([trimmed(row) for row in answer])
