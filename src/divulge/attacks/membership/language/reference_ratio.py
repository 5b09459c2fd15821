"""The likelihood ratio against a model that never saw the texts (Mireshghallah et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class ReferenceRatio:
    """Call texts members that the model expects more than a reference model does, what it was fine-tuned from say: the
    mean over tokens of log p of the target less log p of the reference.  Where the two cut texts into other tokens, the
    sums over the text are compared.
    """

    card: ClassVar[Card] = Card(
        name="reference_ratio",
        title="Ratio to a reference model",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="mireshghallah2022",
        equations="the likelihood ratio against a reference model, as logarithms, a token",
        summary="calls a text a member when the model expects its tokens more than the model it was trained on from",
        needs=Needs(Access.TOKEN_LOGPROBS, frozenset({Knowledge.REFERENCE}), tasks=frozenset({Task.LANGUAGE})),
        strength=0.8,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text; the reference model is asked as often, which is free."""
        own = view.target.token_logprobs(view.candidates)
        other = view.reference.token_logprobs(view.candidates)
        if own.same_tokens(other):
            return MembershipGuess(own.mean_of(own.logprob - other.logprob))
        gain = own.sum_of(own.logprob) - other.sum_of(other.logprob)
        return MembershipGuess(gain / own.counts)
