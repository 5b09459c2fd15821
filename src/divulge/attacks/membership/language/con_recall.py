"""After strange texts and after familiar ones (Wang et al. 2025, Con-ReCall)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.prefixes import alone_and_after, strangers
from divulge.core.attack import Card
from divulge.core.language.texts import texts_of
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


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
        alone, after = alone_and_after(view, strangers(view, self.shots))
        same, familiar = alone_and_after(view, known)
        return MembershipGuess(after / alone - self.gamma * familiar / same)
