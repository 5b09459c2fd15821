"""The model's surprise beside a compressor's (Carlini et al. 2020)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.written import written
from divulge.core.attack import Card
from divulge.core.language.texts import texts_of
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class ZlibRatio:
    """Minus the surprise of a text's tokens over the bytes that zlib needs for it, so that text which is easy for every
    model is not taken for a member.
    """

    card: ClassVar[Card] = Card(
        name="zlib_ratio",
        title="Surprise over compressed length",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2020b",
        equations="section 5.2, zlib: log-perplexity over compressed bytes",
        summary="calls a text a member when the model needs few bits for it and a compressor many",
        needs=Needs(Access.TOKEN_LOGPROBS, tasks=frozenset({Task.LANGUAGE})),
        strength=0.35,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text.  The mean surprise is what is divided, of the tokens that were read."""
        scores = view.target.token_logprobs(view.candidates)
        size = [len(zlib.compress(written(text).encode())) for text in texts_of(view.candidates)]
        return MembershipGuess(scores.mean_of(scores.logprob) / np.array(size))
