"""How many masked words of a document are named (Liu, Zhang and Long 2025)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.language.texts import Chat, Text, texts_of
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView

QUESTION = (
    "Some words of this text were replaced by [Mask_1], [Mask_2] and so on. Which words were they? "
    "Answer with one line for each, [Mask_1]: word.\n\n{text}"
)
WORD = re.compile(r"[^\W\d_]{3,}|\d{2,}")
NAMED = re.compile(r"\[?mask_(\d+)\]?\s*[:=-]\s*[\"'*]*([^\W_]+)", re.IGNORECASE)


@dataclass(frozen=True)
class MaskedWords:
    """Mask words of a document that nobody could guess, send it, and count those that the answer names: a document
    that is looked up holds them.  Where the paper masks what a proxy model finds hardest to predict, these are words
    that fewest documents of the population hold, the longest first; as in the paper, none stands beside another.

    masks: of a document, fewer where it has not so many words.  question: what is sent, with {text} where the masked
    document goes.  max_tokens: of the answer.
    """

    masks: int = 10
    question: str = QUESTION
    max_tokens: int = 200

    card: ClassVar[Card] = Card(
        name="masked_words",
        title="Masked words",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="liu2025",
        equations="MBA: share of masks that are predicted, without its threshold",
        summary="masks rare words of a document, and counts those that the answer names",
        needs=Needs(Access.COMPLETIONS, frozenset({Knowledge.POPULATION}), tasks=frozenset({Task.LANGUAGE})),
        default=False,
        strength=0.8,
    )

    def __post_init__(self) -> None:
        if self.masks < 1 or "{text}" not in self.question or self.max_tokens < 1:
            raise InputError("masked_words: masks and max_tokens are at least 1, and question must hold {text}")

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text; the same words are masked of texts that are asked again."""
        texts = [_written(text) for text in texts_of(view.candidates)]
        known = Counter(word for text in texts_of(view.population) for word in set(_words(_written(text))))
        masked = [mask(text, known, self.masks) for text in texts]
        asked: list[Text] = [self.question.replace("{text}", shown) for shown, _ in masked]
        answers = view.target.complete(asked, 1, 0.0, self.max_tokens, 0)
        found = [share_named(one[0], hidden) for one, (_, hidden) in zip(answers, masked, strict=True)]
        return MembershipGuess(np.array(found))


def _written(text: Text) -> str:
    if isinstance(text, Chat | tuple):
        raise Impossible("an index holds written documents: give texts, no chats and no token numbers")
    return str(text)


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def mask(text: str, known: Counter[str], count: int) -> tuple[str, list[str]]:
    """A text with its rarest words masked, and those words in order.  known: how many documents hold a word."""
    spots = list(WORD.finditer(text))
    rarest = sorted(range(len(spots)), key=lambda k: (known[spots[k][0].lower()], -len(spots[k][0]), k))
    chosen: set[int] = set()
    taken: set[str] = set()
    for k in rarest:
        word = spots[k][0].lower()
        if len(chosen) < count and not {k - 1, k + 1} & chosen and word not in taken:
            chosen.add(k)
            taken.add(word)
    shown, end, hidden = "", 0, []
    for k in sorted(chosen):
        hidden.append(spots[k][0])
        shown += text[end : spots[k].start()] + f"[Mask_{len(hidden)}]"
        end = spots[k].end()
    return shown + text[end:], hidden


def share_named(answer: str, hidden: Sequence[str]) -> float:
    """Of the masked words, those that the answer names at their number; the first that it names there counts."""
    named: dict[int, str] = {}
    for number, word in NAMED.findall(answer):
        named.setdefault(int(number), word.lower())
    right = sum(named.get(place) == word.lower() for place, word in enumerate(hidden, 1))
    return right / len(hidden) if hidden else 0.0
