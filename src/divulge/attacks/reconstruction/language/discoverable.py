"""(n, p)-discoverable extraction: which texts come out within n tries with probability p (Hayes et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.language.hidden_part import HiddenPart, check_parts, hidden_part, in_letters
from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.hashing import Array
from divulge.core.language.texts import texts_of
from divulge.core.results.metric import TEXTS_WRITTEN
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.texts import Reached, TextView, WrittenGuess

TRIES = (1, 10, 100, 1_000, 10_000, 100_000)
CHANCES = (0.1, 0.5, 0.9)


def within(log_p: Array, tries: int) -> Array:
    """Probability that a text of log-probability `log_p` [texts] is written at least once in so many tries:
    1 - (1 - p)^n, exact where p is tiny and where it is 1.
    """
    return np.asarray(-np.expm1(tries * np.log1p(-np.minimum(np.exp(log_p), 1 - 1e-16))))


@dataclass(frozen=True)
class DiscoverableExtraction:
    """The probability that sampling from the model writes the rest of a text is the product of the probabilities of its
    true tokens, under the very temperature and top-k that the service samples with: nothing needs to be sampled.

    n, p: a text counts where it comes out within n tries with probability p at least.  temperature, top_k: of the
    sampling, all tokens where None; a model that tells log-probabilities alone is asked about temperature 1.
    prefix, suffix, show: see GreedyPrefix.
    """

    n: int = 1_000
    p: float = 0.5
    temperature: float = 1.0
    top_k: int | None = 40
    prefix: int | None = None
    suffix: int = 50
    show: bool = False
    card: ClassVar[Card] = Card(
        name="discoverable_extraction",
        title="Extraction within n tries",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        paper="hayes2024",
        equations="section 4, (n, p)-discoverable extraction",
        summary="computes how probably the rest of a text is sampled within n tries",
        needs=Needs(Access.TOKEN_LOGPROBS, tasks=frozenset({Task.LANGUAGE})),
        challenge=Challenge.TEXTS,
        strength=0.7,
    )

    def __post_init__(self) -> None:
        if self.n < 1 or not 0 < self.p < 1 or self.temperature <= 0:
            raise InputError("n is at least 1, p between 0 and 1, and the temperature above 0")
        if self.top_k is not None and self.top_k < 1:
            raise InputError("top_k is at least 1, or None for all tokens")
        check_parts(self.prefix, self.suffix)

    def run(self, view: TextView) -> WrittenGuess:
        """Cost: one query a text."""
        texts = texts_of(view.candidates)
        scores = view.target.token_logprobs(view.candidates)
        part, counts = hidden_part(texts, scores, self.prefix, self.suffix), scores.counts
        models = [view.target, *([view.beside] if view.beside is not None else [])]

        def log_p(temperature: float, top_k: int | None) -> list[Array]:
            return [self._log_p(model, view, part, counts, temperature, top_k) for model in models]

        try:
            found, scheme = log_p(self.temperature, self.top_k), self._said()
        except Impossible:
            found = log_p(1.0, None)
            scheme = "sampling from all tokens at temperature 1, since no other probabilities are told"
        own, other = found[0], found[1] if len(found) > 1 else None
        curve = tuple(
            Reached(n, p, within(own, n) >= p, None if other is None else within(other, n) >= p)
            for n in TRIES
            for p in CHANCES
        )
        return WrittenGuess(
            TEXTS_WRITTEN,
            (within(own, self.n) >= self.p).astype(np.float64),
            None if other is None else (within(other, self.n) >= self.p).astype(np.float64),
            hidden=in_letters(texts, part, counts),
            show=self.show,
            told=(f"within {self.n:,} tries with probability {self.p:g}, {scheme}",),
            curve=curve,
        )

    def _said(self) -> str:
        among = "all tokens" if self.top_k is None else f"the {self.top_k} likeliest tokens"
        return f"sampling from {among} at temperature {self.temperature:g}"

    def _log_p(
        self, model: Oracle, view: TextView, part: HiddenPart, counts: Array, temperature: float, top_k: int | None
    ) -> Array:
        """Log-probability of writing what is hidden, in one try: [texts]."""
        rows = model.sampling_logprobs(view.candidates, temperature, top_k)
        return np.array([float(row.sum()) for row in part.of(rows, counts)])
