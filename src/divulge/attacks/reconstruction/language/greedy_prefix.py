"""Which training texts a model goes on with, word for word, once it is given their beginning (Carlini et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.language.hidden_part import check_parts, hidden_part, in_letters
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.language.texts import texts_of
from divulge.core.language.token_scores import TokenScores
from divulge.core.results.metric import TEXTS_WRITTEN
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.texts import TextView, WrittenGuess


@dataclass(frozen=True)
class GreedyPrefix:
    """Give the model the beginning of a text and let it write the likeliest token each time: the text comes out where
    each of its true tokens is the model's first choice after those before it, which one pass tells.

    prefix: tokens that are given, half of the text but at most 50 when None.  suffix: tokens that must follow rightly.
    show: whether reports show what came out; else it is masked.
    """

    prefix: int | None = None
    suffix: int = 50
    show: bool = False
    card: ClassVar[Card] = Card(
        name="greedy_prefix",
        title="Continuation of a text",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        paper="carlini2023",
        equations="definition 3.1",
        summary="gives the beginning of a text and sees whether the model writes the rest word for word",
        needs=Needs(Access.TOKEN_LOGPROBS, tasks=frozenset({Task.LANGUAGE})),
        challenge=Challenge.TEXTS,
        strength=0.6,
    )

    def __post_init__(self) -> None:
        check_parts(self.prefix, self.suffix)

    def run(self, view: TextView) -> WrittenGuess:
        """Cost: one query a text."""
        texts = texts_of(view.candidates)
        scores = view.target.token_logprobs(view.candidates)
        part = hidden_part(texts, scores, self.prefix, self.suffix)

        def written(found: TokenScores) -> Array:
            if np.isnan(found.rank).any():
                raise Impossible("the model does not tell which token it would have written: it needs ranks of tokens")
            rows = part.of(found.by_text(found.rank), scores.counts)
            return np.array([float((row == 0).all()) for row in rows])

        beside = view.beside
        other = written(beside.token_logprobs(view.candidates)) if beside is not None else None
        hidden = in_letters(texts, part, scores.counts)
        return WrittenGuess(TEXTS_WRITTEN, written(scores), other, hidden=hidden, show=self.show)
