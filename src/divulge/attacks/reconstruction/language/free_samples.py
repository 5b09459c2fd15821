"""Texts that a model writes by itself, ranked by how much they look like memory (Carlini et al. 2020)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.texts import PassagesGuess, TextView


@dataclass(frozen=True)
class FreeSamples:
    """Let the model write many texts, without a beginning, and hand in the `top` that are likelier to it than to a
    model that never saw its training texts; without one, likelier than their length when compressed suggests.

    samples: texts that are written.  top: that are handed in, each of another content.  least: words in a row that a
    passage must share with a training text.  temperature, max_tokens: of the sampling.  beginnings: drawn from for
    each sample, where the model needs one.  show: see GreedyPrefix.
    """

    samples: int = 1_000
    top: int = 100
    least: int = 8
    temperature: float = 1.0
    max_tokens: int = 50
    beginnings: tuple[str, ...] = ("",)
    show: bool = False
    card: ClassVar[Card] = Card(
        name="free_samples",
        title="Texts written without a beginning",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        paper="carlini2020b",
        equations="sections 4 and 5.1",
        summary="lets the model write texts by itself and picks those that look most like memory",
        needs=Needs(Access.TOKEN_LOGPROBS, tasks=frozenset({Task.LANGUAGE})),
        queries_per_record=2.0,
        challenge=Challenge.TEXTS,
        strength=0.4,
        seconds=600.0,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "beginnings", tuple(self.beginnings))
        if self.top < 1 or self.samples < self.top or self.least < 1 or self.temperature <= 0 or not self.beginnings:
            raise InputError("samples are at least as many as top, least is at least 1, and the temperature above 0")

    def run(self, view: TextView) -> PassagesGuess:
        """Cost: two queries a sample: it is written, and scored."""
        places = np.sort(view.rng.integers(len(self.beginnings), size=self.samples))
        written: list[str] = []
        for place, times in enumerate(np.bincount(places, minlength=len(self.beginnings))):
            if times:
                seed, start = int(view.rng.integers(2**31)), self.beginnings[place]
                made = view.target.complete([start], int(times), self.temperature, self.max_tokens, seed)
                written += [start + _as_text(text) for text in made[0]]
        several = [text for text in dict.fromkeys(written) if len(text.split()) >= self.least]
        scores, how = self._scores(view, several) if several else (np.zeros(0), "nothing was long enough")
        kept = distinct([several[place] for place in np.argsort(-scores, kind="stable")], self.top)
        told = f"{len(written):,} texts were written, {len(kept):,} looked at, ranked by {how}"
        return PassagesGuess(tuple(kept), len(written), self.least, self.show, (told,))

    def _scores(self, view: TextView, texts: list[str]) -> tuple[Array, str]:
        own = view.target.token_logprobs(texts)
        beside = view.beside
        if beside is not None:
            other = beside.token_logprobs(texts)
            gain = own.sum_of(own.logprob) - other.sum_of(other.logprob)
            return np.asarray(gain / own.counts), "the ratio to a model that never saw the training texts"
        size = np.array([len(zlib.compress(text.encode())) for text in texts])
        return np.asarray(-size / own.mean_of(own.logprob)), "compressed length over log-perplexity"


def _as_text(written: Any) -> str:
    return written if isinstance(written, str) else " ".join(map(str, written))


def distinct(texts: Sequence[str], most: int) -> list[str]:
    """The first so many of which none repeats an earlier one: half of its runs of three words (section 5.1)."""
    kept: list[str] = []
    seen: list[set[tuple[str, ...]]] = []
    for text in texts:
        words = text.split()
        runs = {tuple(words[i : i + 3]) for i in range(max(len(words) - 2, 1))}
        if all(len(runs & other) < len(runs) / 2 for other in seen):
            kept.append(text)
            seen.append(runs)
        if len(kept) == most:
            break
    return kept
