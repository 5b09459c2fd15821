"""The judge of rebuilt text: token ids against token ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from divulge.core.errors import TargetError
from divulge.core.hashing import Array, derived_rng
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Exhibit, Picture, Quality
from divulge.core.results.metric import TEXT_EXACT, TEXT_REBUILT
from divulge.core.results.trials import Paired
from divulge.core.views.reconstruction import SampleGuess

MOST_PICTURES = 8
MOST_COMPARED = 1_000


def rouge(truth: Sequence[int], guess: Sequence[int], size: int = 1) -> float:
    """F-measure of shared runs of `size` tokens (Lin 2004)."""
    own, given = (Counter(tuple(s[i : i + size]) for i in range(len(s) - size + 1)) for s in (truth, guess))
    shared = sum((own & given).values())
    return 2 * shared / max(sum(own.values()) + sum(given.values()), 1)


def edit_distance(truth: Sequence[int], guess: Sequence[int]) -> int:
    """Insertions, deletions and replacements that turn one into the other (Levenshtein)."""
    row = list(range(len(guess) + 1))
    for i, token in enumerate(truth, 1):
        last, row = row, [i]
        for j, other in enumerate(guess, 1):
            row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (token != other)))
    return row[-1]


@dataclass(frozen=True, eq=False)
class TextJudge:
    """truth: sequences [batch, tokens] for each update.  public: what blind guesses are drawn from.

    decode: a sequence as a person reads it.  surprise: the target's loss on sequences [n, tokens]: [n]; with it the
    exposure of the truth is told, whatever was guessed.
    """

    truth: Sequence[Records]
    public: Records
    seed: int
    decode: Callable[[Sequence[int]], str] | None = None
    surprise: Callable[[Records], Array] | None = None

    def judge(self, guess: SampleGuess) -> Evidence:
        """ROUGE-1, exact sequences, ROUGE-2 and edit distance; sequences of a batch matched by assignment."""
        if len(guess.samples) != len(self.truth):
            raise TargetError(f"the attack answered {len(guess.samples)} of {len(self.truth)} updates")
        rng = derived_rng(self.seed, "blind text")
        pairs, blinds, units = [], [], []
        for unit, (truth, guessed) in enumerate(zip(self.truth, guess.samples, strict=True)):
            own = [list(map(int, row)) for row in truth.x]
            lots = self.public.x[rng.choice(len(self.public), len(own), replace=len(self.public) < len(own))]
            pairs += _matched(own, [[int(t) for t in row if t >= 0] for row in guessed])
            blinds += _matched(own, [list(map(int, row)) for row in lots])
            units += [unit] * len(own)
        measures = []
        for metric, of, note in (
            (TEXT_REBUILT, rouge, "ROUGE-1"),
            (TEXT_EXACT, lambda a, b: float(a == b), "every token right"),
        ):
            hits, blind = (tuple(float(of(a, b)) for a, b in side) for side in (pairs, blinds))
            measures.append(Paired(metric, hits, blind, tuple(units), note, unit="update"))
        qualities = [
            Quality(name, *(tuple(float(of(a, b)) for a, b in side) for side in (pairs, blinds)))
            for name, of in (("ROUGE-2", lambda a, b: rouge(a, b, 2)), ("edit distance, tokens", edit_distance))
        ]
        if self.surprise is not None:
            qualities.append(self._exposure(rng))
        drawn = [self._picture(pair, other) for pair, other in list(zip(pairs, blinds, strict=True))[:MOST_PICTURES]]
        exhibits: list[Exhibit] = [*qualities, *drawn]
        return Evidence(tuple(measures), tuple(exhibits), "public sequences drawn at random", guess.told)

    def _exposure(self, rng: Generator) -> Quality:
        """log2 of how many public sequences there are, less log2 of each text's rank among them by the model's loss
        (Carlini et al. 2019, definition 4, by sampling); beside it that of public sequences themselves.
        """
        assert self.surprise is not None
        others = self.public.take(rng.permutation(len(self.public))[:MOST_COMPARED])
        losses = np.sort(self.surprise(others))
        own = np.concatenate([self.surprise(truth) for truth in self.truth])

        def bits(values: Array) -> tuple[float, ...]:
            ranks = np.searchsorted(losses, values, side="left") + 1
            return tuple(float(b) for b in np.log2(len(losses) + 1) - np.log2(ranks))

        return Quality("exposure, bits", bits(own), bits(losses))

    def _picture(self, pair: tuple[list[int], list[int]], other: tuple[list[int], list[int]]) -> Picture:
        shown = [self._shown(s) for s in (pair[0], pair[1], other[1])]
        scores = [f"ROUGE-1 {rouge(*side):.2f}" for side in (pair, other)]
        return Picture("text", shown[0], shown[1], shown[2], scores[0], scores[1])

    def _shown(self, tokens: Sequence[int]) -> str:
        return self.decode(tokens) if self.decode is not None else " ".join(map(str, tokens))


def _matched(truth: list[list[int]], guesses: list[list[int]]) -> list[tuple[list[int], list[int]]]:
    """Each true sequence with the guess that belongs to it; an empty one where there are too few."""
    from scipy.optimize import linear_sum_assignment

    quality = np.array([[rouge(t, g) + rouge(t, g, 2) for g in guesses] for t in truth]).reshape(len(truth), -1)
    found: dict[int, Array] = {}
    if quality.size:
        found = dict(zip(*linear_sum_assignment(-quality), strict=True))
    return [(t, guesses[int(found[i])] if i in found else []) for i, t in enumerate(truth)]
