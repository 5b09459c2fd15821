"""Token probabilities against how common tokens are (Zhang et al. 2024, DC-PDD)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class DcPdd:
    """The mean over a text's tokens, each where it first occurs, of the probability that the model gives it times how
    rare it is in the population, bounded from above.

    bound: on a token's share, so that rare ones do not decide alone.
    """

    bound: float = 0.01

    card: ClassVar[Card] = Card(
        name="dc_pdd",
        title="DC-PDD",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="zhang2024",
        equations="min(p log(1/frequency), bound), mean over first occurrences; Laplace-smoothed frequencies",
        summary="weighs what the model expects by how rare the word is otherwise",
        needs=Needs(Access.TOKEN_LOGPROBS, frozenset({Knowledge.POPULATION}), tasks=frozenset({Task.LANGUAGE})),
        queries_per_record=2.0,
        differs="the frequencies are smoothed over the words that were seen, not over the model's whole vocabulary",
        default=False,
        strength=0.3,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text, and one for each population text, whose tokens are counted.  Impossible where the
        model does not tell which tokens it reads.
        """
        own = view.target.token_logprobs(view.candidates)
        common = view.target.token_logprobs(view.population).token
        if np.isnan(own.token).any() or np.isnan(common).any():
            raise Impossible("the model does not tell which tokens it reads, so that none can be counted")
        rarity = -np.log(frequencies(own.token, common))
        shares = np.minimum(np.exp(own.logprob) * rarity, self.bound)
        pairs = zip(own.by_text(own.token), own.by_text(shares), strict=True)
        return MembershipGuess(
            np.array([part[np.unique(tokens, return_index=True)[1]].mean() for tokens, part in pairs])
        )


def frequencies(asked: Array, corpus: Array) -> Array:
    """How often each token occurs in the corpus, with one more of every token that either has: [asked tokens]."""
    known, number = np.unique(np.concatenate([corpus, asked]), return_inverse=True)
    count = np.bincount(number[: len(corpus)], minlength=len(known)) + 1
    return np.asarray((count / count.sum())[number[len(corpus) :]])
