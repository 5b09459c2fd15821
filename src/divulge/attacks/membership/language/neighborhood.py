"""A text beside near copies of itself (Mattern et al. 2023)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.attacks.membership.language.written import written
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.language.texts import Prompted, Text, texts_of
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView

_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class NeighborhoodAttack:
    """The mean log-probability of a text less that of copies in which words are replaced: what is known by heart falls
    further.  The paper draws words from a masked language model; here they are words which the population has after
    the same word, or any of its words.

    copies: of each text.  share: of the words replaced in a copy, at least one.
    """

    copies: int = 8
    share: float = 0.1

    card: ClassVar[Card] = Card(
        name="neighborhood",
        title="Neighborhood",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="mattern2023",
        equations="loss less the mean loss of neighbours",
        differs="neighbours take words by the pairs of the population, not from a masked language model",
        summary="replaces single words and asks how much more the model expects the text itself",
        needs=Needs(Access.TOKEN_LOGPROBS, frozenset({Knowledge.POPULATION}), tasks=frozenset({Task.LANGUAGE})),
        queries_per_record=9.0,
        default=False,
        strength=0.4,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text and one for each copy.  Impossible where texts are token numbers or chats."""
        texts, words = texts_of(view.candidates), Words.of(texts_of(view.population))
        own = view.target.token_logprobs(view.candidates)
        copies = [words.copy(text, self.share, view.rng) for text in texts for _ in range(self.copies)]
        near = view.target.token_logprobs(copies)
        fall = near.mean_of(near.logprob).reshape(len(texts), self.copies).mean(axis=1)
        return MembershipGuess(own.mean_of(own.logprob) - fall)


@dataclass(frozen=True)
class Words:
    """The words of a population: all of them, and those that follow each."""

    every: list[str]
    after: dict[str, list[str]] = field(repr=False)

    @staticmethod
    def of(texts: Sequence[Text]) -> Words:
        """Of these texts."""
        every, after = [], defaultdict(list)
        for text in texts:
            found = _WORD.findall(written(text))
            every += found
            for first, second in pairwise(found):
                after[first].append(second)
        if not every:
            raise Impossible("the population has no words to replace others by")
        return Words(every, dict(after))

    def copy(self, text: Text, share: float, rng: Generator) -> Text:
        """The text with some words replaced by others; of a pair the completion alone."""
        if isinstance(text, Prompted):
            changed = self.copy(text.completion, share, rng)
            return Prompted(text.prompt, str(changed))
        if not isinstance(text, str):
            raise Impossible("texts are token numbers or chats, whose words are not replaced here")
        found = list(_WORD.finditer(text))
        if not found:
            return text
        chosen = np.sort(rng.permutation(len(found))[: max(1, int(share * len(found)))])[::-1]
        for place in chosen:
            before = found[place - 1].group() if place else ""
            text = self._replaced(text, found[place], before, rng)
        return text

    def _replaced(self, text: str, word: re.Match[str], before: str, rng: Generator) -> str:
        own = word.group()
        fitting = [each for each in self.after.get(before, []) if each != own]
        fitting = fitting or [each for each in self.every if each != own] or [own]
        return text[: word.start()] + fitting[int(rng.integers(len(fitting)))] + text[word.end() :]
