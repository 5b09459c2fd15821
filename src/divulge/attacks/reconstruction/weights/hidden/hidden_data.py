"""Training records that malicious training code wrote into the weights (Song et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.weights.hidden.decodings import (
    WIDTHS,
    RecordForm,
    low_bit_streams,
    rows_of_bytes,
    rows_of_values,
    sign_streams,
    text_in,
)
from divulge.attacks.reconstruction.weights.hidden.likeness import Likeness
from divulge.attacks.reconstruction.weights.hidden.low_bits import low_bits
from divulge.attacks.reconstruction.weights.hidden.weights_of import in_a_row, weights_of
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.reconstruction import FileView, SampleGuess

SOME = 64
"""Rows of a decoding that are looked at first."""

FEWEST = 0.25
"""Share of the first rows that must look like records."""

SHOWN = 60
"""Characters of a text that are said."""

READINGS = 4
"""Readings that are handed in."""


@dataclass(frozen=True)
class HiddenData:
    """Reads the weights, in their order in the file, in every way in which data may lie in them: the low bits of each,
    1 to 32 of them, their signs, and the weights themselves as values that follow the data up to a line (Song et al.
    2017, sections 4.1 to 4.3).  What looks like records of the population is handed in, and the referee sees whether it
    shows training records rather than others.  Text in low bits or signs is said, and so is a pattern in the low bits
    that ordinary training does not leave.

    most: rows that are handed in.
    """

    most: int = 4_000

    card: ClassVar[Card] = Card(
        name="hidden_data",
        title="Data written into the weights",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.FILE,
        paper="song2017",
        equations="sections 4.1 to 4.3",
        summary="looks for records in the low bits, signs and values of the weights",
        needs=Needs(
            Access.PARAMETERS,
            frozenset({Knowledge.POPULATION}),
            tasks=frozenset({Task.CLASSIFICATION, Task.REGRESSION}),
        ),
        default=False,
        strength=0.6,
        seconds=10.0,
        differs="how the data were written is not known, so many ways are tried, from the first weight on; what was "
        "encrypted or compressed before is not found; text is looked for in characters, not in a dictionary",
    )

    def run(self, view: FileView) -> SampleGuess:
        """Cost: no query.  Raises Impossible where the model has no weights that it knows of."""
        arrays = weights_of(view.target.parameters())
        count = sum(part.size for part in arrays)
        if not count:
            raise Impossible("it reads the parameters of networks and the coefficients of estimators, and finds none")
        population = view.population.flat().astype(np.float64)
        form = RecordForm(*(np.broadcast_to(edge, view.shape).ravel().astype(float) for edge in (view.low, view.high)))
        texts: set[str] = set()
        readings = _best(_readings(arrays, form, texts), Likeness(population, form))
        notes = [f"{count:,} weights were read", *(f"{w}: {len(r):,} rows look like records" for w, r in readings)]
        signs = [*sorted(texts)[:3]]
        bits = low_bits(arrays)
        if bits.carry:
            signs.append(
                f"the low bits of {bits.weights:,} weights have a pattern (error bound {bits.bound:.0e}): something "
                "was written there, or rounded weights were trained for a few small steps"
            )
        if signs and not readings:
            seen = "; ".join(signs)
            raise Impossible(f"it found no record, but what training from scratch does not leave; look at it: {seen}")
        samples = tuple(rows.reshape(-1, *view.shape) for _, rows in readings)
        heap = (np.concatenate(samples)[: self.most],) if samples else ()
        return SampleGuess(heap, told=(*notes, *signs))


def _best(readings: Iterator[tuple[str, Array]], like: Likeness) -> list[tuple[str, Array]]:
    """The readings of which most rows look like records, and these rows; of those that say the same, one."""
    found: list[tuple[float, str, Array]] = []
    for where, rows in readings:
        share = float(like.looks(rows[:SOME]).mean())
        if share >= FEWEST:
            found.append((share, where, rows[like.looks(rows)]))
    found.sort(key=lambda part: (-part[0], -len(part[2])))
    chosen: list[tuple[str, Array]] = []
    for _, where, rows in found:
        if len(chosen) < READINGS and not any(like.same(rows, other) for _, other in chosen):
            chosen.append((where, rows))
    return chosen


def _readings(arrays: list[Array], form: RecordForm, texts: set[str]) -> Iterator[tuple[str, Array]]:
    """Every way to read the weights: where, and rows [n, inputs].  texts: takes what is text."""
    seen: set[bytes] = set()
    for matrices in (False, True):
        chosen = [part for part in arrays if part.dtype in WIDTHS]
        if not chosen:
            return
        weights = np.ascontiguousarray(in_a_row(chosen, matrices))
        if not len(weights) or weights.tobytes() in seen:
            continue
        seen.add(weights.tobytes())
        for streams in (low_bit_streams, sign_streams):
            for where, stream in streams(weights):
                if text := text_in(stream):
                    texts.add(f"{where}: text, {text[:SHOWN]!r}")
                for how, rows in rows_of_bytes(stream, form):
                    yield f"{where}, {how}", rows
        for how, rows in rows_of_values(weights, form):
            yield how, rows
