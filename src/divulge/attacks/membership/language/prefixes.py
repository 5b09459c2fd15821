"""The same text after other texts: ReCaLL (Xie et al. 2024) and Con-ReCall (Wang et al. 2025)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.plain_ratios import written
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.language.texts import Prompted, Text, texts_of
from divulge.core.language.token_scores import LOGPROB, TOKEN, TokenScores
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class Recall:
    """Log-likelihood of the text after texts that are no members over the one without them; what the model knows by
    heart suffers more from a strange beginning.

    shots: population texts in the prefix.  They take room: of a model that reads few tokens, the end of long texts.
    """

    shots: int = 1

    card: ClassVar[Card] = Card(
        name="recall",
        title="ReCaLL",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="xie2024",
        equations="ReCaLL: LL(x | P) / LL(x), over the tokens that both score",
        summary="calls a text a member when it surprises the model much more after texts that are none",
        needs=Needs(Access.TOKEN_LOGPROBS, frozenset({Knowledge.POPULATION}), tasks=frozenset({Task.LANGUAGE})),
        queries_per_record=2.0,
        default=False,
        strength=0.3,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: two queries a text."""
        alone, after = _alone_and_after(view, _strangers(view, self.shots))
        return MembershipGuess(after / alone)


@dataclass(frozen=True)
class ConRecall:
    """ReCaLL's ratio less `gamma` times the one after presumed members: the candidates that the model expects most, one
    of them after the others, since this adversary knows no member.

    shots: texts in either prefix.
    """

    shots: int = 1
    gamma: float = 0.5

    card: ClassVar[Card] = Card(
        name="con_recall",
        title="Con-ReCall",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="wang2025",
        equations="(LL(x | non-members) - gamma LL(x | members)) / LL(x), members presumed",
        summary="compares what texts that are no members do to a text with what presumed members do to it",
        needs=Needs(Access.TOKEN_LOGPROBS, frozenset({Knowledge.POPULATION}), tasks=frozenset({Task.LANGUAGE})),
        queries_per_record=3.0,
        default=False,
        strength=0.3,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: three queries a text, and one more for each presumed member."""
        own = view.target.token_logprobs(view.candidates)
        order, texts = np.argsort(-own.mean_of(own.logprob), kind="stable"), texts_of(view.candidates)
        known = [
            [texts[int(place)] for place in order[: self.shots + 1] if place != asked][: self.shots]
            for asked in range(len(texts))
        ]
        alone, after = _alone_and_after(view, _strangers(view, self.shots))
        same, familiar = _alone_and_after(view, known)
        return MembershipGuess(after / alone - self.gamma * familiar / same)


def _strangers(view: MembershipView, shots: int) -> list[list[Text]]:
    """Population texts, the same for every candidate."""
    chosen = view.rng.permutation(len(view.population))[:shots]
    return [texts_of(view.population.take(chosen))] * len(view.candidates)


def _alone_and_after(view: MembershipView, prefixes: Sequence[Sequence[Text]]) -> tuple[Array, Array]:
    """Mean log-likelihood of each text alone and after its prefix, over the tokens that both score: [texts] each."""
    asked: list[Text] = []
    for text, before in zip(texts_of(view.candidates), prefixes, strict=True):
        if isinstance(text, tuple) or any(isinstance(each, tuple) for each in before):
            raise Impossible("texts are token numbers, which have no room for a prefix here")
        start = " ".join(written(each) for each in before) + " "
        if isinstance(text, Prompted):
            asked.append(Prompted(start + text.prompt, text.completion))
        else:
            asked.append(Prompted(start, written(text)))
    return _in_common(view.target.token_logprobs(view.candidates), view.target.token_logprobs(asked))


def _in_common(alone: TokenScores, after: TokenScores) -> tuple[Array, Array]:
    """After a prefix the first token of a text is scored too, and of a long text the end is not."""
    means = []
    for short, long in zip(alone.by_text_rows(), after.by_text_rows(), strict=True):
        skipped = _skipped(short[:, TOKEN], long[:, TOKEN])
        length = max(min(len(short), len(long) - skipped), 1)
        means.append((short[:length, LOGPROB].mean(), long[skipped:][:length, LOGPROB].mean()))
    first, second = np.array(means).T
    return np.minimum(first, -NOTHING), second


def _skipped(short: Array, long: Array) -> int:
    """1 where the tokens after a prefix begin one earlier, as far as they are told; else by their number."""
    if len(long) > 1 and not (np.isnan(short).any() or np.isnan(long).any()):
        compared = min(len(short), len(long) - 1, 3)
        return int((short[:compared] == long[1 : 1 + compared]).all())
    return int(len(long) > len(short))


NOTHING = 1e-9
"""A surprise, in nats a token, below which a text is known by heart and no ratio to it means anything."""
