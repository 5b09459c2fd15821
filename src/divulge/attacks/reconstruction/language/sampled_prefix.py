"""Which training texts a model goes on with nearly word for word, of which only sampled text is to be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.hashing import Array
from divulge.core.language.likeness import edit_likeness, longest_shared
from divulge.core.language.texts import Chat, Prompted, Text, texts_of
from divulge.core.results.exhibits import Quality
from divulge.core.results.metric import TEXTS_NEARLY_WRITTEN
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.texts import TextView, WrittenGuess

FEWEST = 20
"""Letters, or as many as the text has, that a continuation must have to count."""


@dataclass(frozen=True)
class SampledPrefix:
    """Give the model the first half of a text, let it write on, and compare with the other half letter by letter.

    n: continuations of each text, of which the nearest counts.  temperature: of the sampling; at 0 the likeliest
    continuation is written, once.  max_tokens: of each; the text is compared as far as it goes.
    least: likeness from which a text counts, 1 less the edit distance as a share of the length (Ippolito et al. 2023
    call a BLEU of 0.75 near).  show: see GreedyPrefix.
    """

    n: int = 1
    temperature: float = 0.0
    max_tokens: int = 50
    least: float = 0.9
    show: bool = False
    card: ClassVar[Card] = Card(
        name="sampled_prefix",
        title="Sampled continuation of a text",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        paper="ippolito2023",
        equations="section 4",
        summary="gives the first half of a text, lets the model write on, and sees how near it comes to the other half",
        needs=Needs(Access.COMPLETIONS, tasks=frozenset({Task.LANGUAGE})),
        challenge=Challenge.TEXTS,
        strength=0.5,
        seconds=60.0,
    )

    def __post_init__(self) -> None:
        if self.n < 1 or self.temperature < 0 or not 0 < self.least <= 1 or self.max_tokens < 1:
            raise InputError("n and max_tokens are at least 1, least is above 0 and at most 1, temperature at least 0")

    def run(self, view: TextView) -> WrittenGuess:
        """Cost: n queries a text."""
        parts = [halves(text) for text in texts_of(view.candidates)]
        seed = int(view.rng.integers(2**31))
        own, runs = self._nearest(view.target, parts, seed)
        beside = view.beside
        other = None
        if beside is not None and Access.COMPLETIONS in beside.ports:
            other, _ = self._nearest(beside, parts, seed)
        return WrittenGuess(
            TEXTS_NEARLY_WRITTEN,
            (own >= self.least).astype(np.float64),
            None if other is None else (other >= self.least).astype(np.float64),
            hidden=[part if isinstance(part, str) else " ".join(map(str, part)) for _, part in parts],
            show=self.show,
            told=(f"at least {100 * self.least:g} % alike, letter by letter",),
            exhibits=(Quality("longest run in common, of all texts", tuple(map(float, runs))),),
        )

    def _nearest(self, model: Oracle, parts: Sequence[tuple[Text, Any]], seed: int) -> tuple[Array, Array]:
        """Likeness of the nearest continuation of each text, and the longest run that it shares: [texts] each."""
        wanted = self.n if self.temperature > 0 else 1
        prefixes = [prefix for prefix, _ in parts]
        written = model.complete(prefixes, wanted, self.temperature, self.max_tokens, seed)
        likeness, runs = np.zeros(len(parts)), np.zeros(len(parts), dtype=np.int64)
        for place, ((_, rest), tries) in enumerate(zip(parts, written, strict=True)):
            truth = _even(rest)
            for text in map(_even, tries):
                compared = truth[: max(len(text), min(len(truth), FEWEST))]
                likeness[place] = max(likeness[place], edit_likeness(compared, text[: len(truth)]))
                runs[place] = max(runs[place], longest_shared(compared, text))
        return likeness, runs


def _even(text: Any) -> Any:
    """With single spaces and none at the ends: tokenizers keep the one that a continuation begins with, or do not."""
    return " ".join(text.split()) if isinstance(text, str) else text


def halves(text: Text) -> tuple[Text, Any]:
    """What is given of a text, and what is to be written: half of its words, or tokens; of a pair its completion."""
    if isinstance(text, Prompted):
        return text, text.completion
    if isinstance(text, tuple):
        return text[: len(text) // 2], text[len(text) // 2 :]
    if isinstance(text, Chat):
        raise Impossible("a chat cannot be cut in two: give its last answer as a completion, (prompt, completion)")
    words = text.split(" ")
    given = " ".join(words[: len(words) // 2]) or text[: len(text) // 2]
    return given, text[len(given) :]
