"""Text read off the gradients of a transformer, token by token (Petrov et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, Update, UpdateView

CHUNK = 4_096


@dataclass(frozen=True)
class Dager:
    """The gradient of an attention layer's weights is a sum over tokens of (input of the token) x (slope), so its rows
    span the inputs and nothing else.  First layer: which tokens, at which place, lie in the span.  Second layer:
    which of their sequences do, grown from left to right (Petrov et al. 2024, section 4; models that look back only).
    A classifier of two layers that reads its last token alone shows no beginnings in its second layer: a language
    model does, and so do deeper ones.

    tolerance: distance from the span, relative to the input's length, up to which it counts as inside; widened to
    `loosest` where nothing is.  beam: sequences that are kept at each length.
    """

    tolerance: float = 1e-3
    loosest: float = 0.05
    beam: int = 256

    card: ClassVar[Card] = Card(
        name="dager",
        title="DAGER",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="petrov2024",
        equations="section 4 (span checks on the first and second layer)",
        differs="transformers of GPT-2's form alone, and texts of one length",
        summary="reads whole texts off the gradients of the first two attention layers",
        needs=Needs(Access.UPDATES),
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.

        Raises Impossible for modules other than GPT-2's form, and where a batch has more tokens than the model is wide.
        """
        if not view.tokens:
            raise Impossible("it reads texts, and the inputs of this module are no token ids")
        from divulge.attacks.reconstruction.gradients.gpt_layers import Gpt

        model = Gpt.of(view.target.parameters())
        length = view.shape[-1]
        return SampleGuess(tuple(self._batch(model, update, length) for update in view.updates))

    def _batch(self, model: Any, update: Update, length: int) -> Array:
        """Sequences of one update: [at most a batch, length], -1 where nothing is known."""
        spans = [_span(np.asarray(update.change[place], dtype=np.float64)) for place in model.attention]
        if update.batch * length >= len(spans[0]):
            raise Impossible(
                f"a batch of {update.batch} texts has more tokens ({update.batch * length}) than the model is wide "
                f"({len(spans[0])}): their inputs span everything"
            )
        sequences: list[list[int]] = [[]]
        for place in range(length):
            allowed = self._tokens(model, spans[0], place)
            longer = [[*known, int(token)] for known in sequences for token in allowed]
            if not longer:
                break
            gaps = self._gaps(model, spans[1], longer)
            order = np.argsort(gaps, kind="stable")
            least = float(gaps[order[0]])
            if least > self.loosest:
                break
            near = [o for o in order if gaps[o] <= max(self.tolerance, 3 * least)]
            sequences = [longer[o] for o in near[: self.beam]]
        gaps = self._gaps(model, spans[1], sequences)
        best = np.argsort(gaps, kind="stable")[: update.batch]
        batch = np.full((len(best), length), -1, dtype=np.int64)
        for row, which in enumerate(best):
            batch[row, : len(sequences[which])] = sequences[which]
        return batch

    def _tokens(self, model: Any, span: Array, place: int) -> Array:
        """Token ids whose input at this place lies in the span."""
        gaps = np.concatenate(
            [
                _outside(model.first(np.arange(start, min(start + CHUNK, model.vocabulary)), place), span)
                for start in range(0, model.vocabulary, CHUNK)
            ]
        )
        near = np.flatnonzero(gaps <= self.tolerance)
        if len(near) == 0 and gaps.min() <= self.loosest:
            near = np.flatnonzero(gaps <= 1.5 * gaps.min())
        return near[np.argsort(gaps[near], kind="stable")][: self.beam]

    def _gaps(self, model: Any, span: Array, sequences: list[list[int]]) -> Array:
        """How far the second layer's input at the last token is from its span."""
        if not sequences[0]:
            return np.zeros(len(sequences))
        parts = [
            _outside(model.second(np.array(sequences[start : start + CHUNK])), span)
            for start in range(0, len(sequences), CHUNK)
        ]
        return np.concatenate(parts)


def _span(slopes: Array) -> Array:
    """An orthonormal basis of the inputs' span: [width, rank], from a gradient [width, outputs]."""
    left, values, _ = np.linalg.svd(slopes, full_matrices=False)
    noise = values[0] * max(slopes.shape) * np.finfo(np.float32).eps
    return np.asarray(left[:, values > noise])


def _outside(inputs: Array, span: Array) -> Array:
    """Share of each input's length that lies outside the span: [inputs]."""
    rest = inputs - (inputs @ span) @ span.T
    return np.asarray(np.linalg.norm(rest, axis=1) / np.maximum(np.linalg.norm(inputs, axis=1), 1e-12))
