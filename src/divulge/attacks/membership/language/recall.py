"""The same text after other texts (Xie et al. 2024, ReCaLL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.membership.language.prefixes import alone_and_after, strangers
from divulge.core.attack import Card
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
        alone, after = alone_and_after(view, strangers(view, self.shots))
        return MembershipGuess(after / alone)
