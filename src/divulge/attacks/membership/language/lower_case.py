"""The same text in lower case (Carlini et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.language.texts import Chat, Prompted, Text, texts_of
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class LowerCase:
    """The perplexity of the text in lower case over that of the text itself, as logarithms of it."""

    card: ClassVar[Card] = Card(
        name="lower_case",
        title="Lower case",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2020b",
        equations="section 5.2, lowercased text: ratio of perplexities",
        summary="calls a text a member when it surprises the model more in lower case",
        needs=Needs(Access.TOKEN_LOGPROBS, tasks=frozenset({Task.LANGUAGE})),
        queries_per_record=2.0,
        default=False,
        strength=0.2,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: two queries a text.  Impossible where texts are token numbers, or all in lower case."""
        texts = texts_of(view.candidates)
        lowered = [_lowered(text) for text in texts]
        if lowered == texts:
            raise Impossible("no text has a capital letter, or texts are token numbers: there is nothing to compare")
        own, other = view.target.token_logprobs(view.candidates), view.target.token_logprobs(lowered)
        return MembershipGuess(-own.mean_of(own.logprob) / np.minimum(other.mean_of(other.logprob), -1e-9))


def _lowered(text: Text) -> Text:
    if isinstance(text, Prompted):
        return Prompted(text.prompt, text.completion.lower())
    if isinstance(text, Chat):
        return Chat(tuple((role, content.lower()) for role, content in text.messages))
    return text.lower() if isinstance(text, str) else text
