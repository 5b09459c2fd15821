"""The loss of a text's tokens (Yeom et al. 2018; for language models Carlini et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class TokenLoss:
    """Call texts members whose tokens the model expects: the mean of their log-probabilities, which is minus the
    logarithm of the perplexity.
    """

    card: ClassVar[Card] = Card(
        name="token_loss",
        title="Token loss",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2020b",
        equations="section 4.1, perplexity",
        summary="calls a text a member when the model expects its tokens",
        needs=Needs(Access.TOKEN_LOGPROBS, tasks=frozenset({Task.LANGUAGE})),
        strength=0.4,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text."""
        scores = view.target.token_logprobs(view.candidates)
        return MembershipGuess(scores.mean_of(scores.logprob))
