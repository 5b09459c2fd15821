"""How like a document the answer is to a question that is its own beginning (Li et al. 2025)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.language.texts import Chat, Prompted, Text, texts_of
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView

LONGEST = 4
"""Words of the longest runs that are compared."""


@dataclass(frozen=True)
class AnswerSimilarity:
    """Ask with the first half of a document, and compare the answer with its other half by BLEU.  Of a pair the prompt
    is asked, and the completion compared.  The paper's second feature, the perplexity of the answer, is left out: a
    service that looks things up tells none.

    question: what is sent, with {text} where the beginning goes.  max_tokens: of the answer.
    """

    question: str = "{text}"
    max_tokens: int = 100

    card: ClassVar[Card] = Card(
        name="answer_similarity",
        title="Likeness of an answer",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="li2025",
        equations="S2MIA: similarity of the generated text and the rest of the sample, by BLEU",
        summary="asks with the beginning of a document, and sees how like its rest the answer is",
        needs=Needs(Access.COMPLETIONS, tasks=frozenset({Task.LANGUAGE})),
        default=False,
        strength=0.6,
    )

    def __post_init__(self) -> None:
        if "{text}" not in self.question or self.max_tokens < 1:
            raise InputError("answer_similarity: question must hold {text}, and max_tokens be at least 1")

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text.  Equal likeness is ordered by the share of the rest's words that were written."""
        parts = [cut(text) for text in texts_of(view.candidates)]
        asked: list[Text] = [self.question.replace("{text}", given) for given, _ in parts]
        answers = view.target.complete(asked, 1, 0.0, self.max_tokens, 0)
        pairs = [(one[0].split(), rest.split()) for one, (_, rest) in zip(answers, parts, strict=True)]
        likeness = np.array([bleu(answer, rest) for answer, rest in pairs])
        recall = np.array([shared_words(answer, rest) / max(len(rest), 1) for answer, rest in pairs])
        return MembershipGuess(likeness, tie_break=recall)


def cut(text: Text) -> tuple[str, str]:
    """What is asked of a document, and what an answer is compared with; raises Impossible for what has no words."""
    if isinstance(text, Prompted):
        return text.prompt, text.completion
    if isinstance(text, Chat | tuple):
        raise Impossible("an index holds written documents: give texts, or pairs of a question and what answers it")
    words = text.split()
    middle = max(len(words) // 2, 1)
    return " ".join(words[:middle]), " ".join(words[middle:])


def shared_words(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words both have, each as often as it is in both."""
    return (Counter(one) & Counter(other)).total()


def bleu(answer: Sequence[str], truth: Sequence[str]) -> float:
    """BLEU of one sentence (Papineni et al. 2002, section 2.3), with one added to the counts of longer runs than a word
    (Lin and Och 2004): 1 for an equal answer, 0 for one that shares no word.
    """
    logs = []
    for size in range(1, min(LONGEST, len(truth)) + 1):
        mine, others = (Counter(zip(*(part[k:] for k in range(size)), strict=False)) for part in (answer, truth))
        extra = int(size > 1)
        right, all_of_it = (mine & others).total() + extra, mine.total() + extra
        if not right or not all_of_it:
            return 0.0
        logs.append(np.log(right / all_of_it))
    if not logs:
        return 0.0
    short = min(0.0, 1 - len(truth) / max(len(answer), 1))
    return float(np.exp(short + np.mean(logs)))
