"""What a release attributes to a person whom it fits best: correct attribution probability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.release.knowing import KNOWING, asked_columns
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.mixed.space import CHUNK
from divulge.core.records import CODED, Kind, Records
from divulge.core.threat import Asset, Challenge, Family
from divulge.core.views.release import ReleaseView, ValuesGuess

BINS = 4
"""Of a quantity that is known, with as many rows of the release each."""


@dataclass(frozen=True)
class CorrectAttribution:
    """A person's unknown value is the one that most rows have among those that agree with the person in as many known
    columns as any row does (of a quantity, the middle one).  The share of those rows with the right value is the
    correct attribution probability; where no row agrees in all, this is the generalised one.

    known, samples: see AttributeDeduction.
    """

    known: tuple[str, ...] = ()
    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="correct_attribution",
        title="Correct attribution",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.DEDUCED,
        paper="taub2018",
        equations="section 2, CAP",
        summary="takes the value that most of the synthetic rows have that agree with a person in what is known",
        needs=KNOWING,
        strength=0.5,
        differs="guesses the commonest value of the rows that agree, where the paper states the share of right ones; "
        "where no row agrees in all, those that agree in most are taken",
    )

    def run(self, view: ReleaseView) -> ValuesGuess:
        """Cost: the samples, and a comparison for each person, row and column, for every column that is asked about."""
        table = view.table(self.samples)
        values: dict[int, Array] = {}
        naive: dict[int, Array] = {}
        for column, places in asked_columns(view, self.known):
            people = view.known(column)
            held = np.asarray(table.x[:, column], dtype=np.float64)
            coded = view.schema.columns[column].kind in (*CODED, Kind.BOOLEAN)
            guess = np.empty(len(people))
            for rows, agree in agreeing(people, table, places):
                guess[rows] = _commonest(agree, held) if coded else _middle(agree, held)
            everybody = np.ones((1, len(held)), dtype=bool)
            blind = _commonest(everybody, held) if coded else _middle(everybody, held)
            values[column], naive[column] = guess, np.repeat(blind, len(people))
        return ValuesGuess(values, naive)


def agreeing(people: Records, table: Records, places: Sequence[int]) -> Iterator[tuple[slice, Array]]:
    """Which rows agree with each person in most of these columns: bool [people of a chunk, rows].

    Quantities agree within a quarter of the rows; what is missing agrees with what is missing.  The target counts where
    records have one.
    """
    pairs = [_keys(people, table, place) for place in places]
    if people.schema.labeled:
        pairs.append((np.asarray(people.y, dtype=np.float64), np.asarray(table.y, dtype=np.float64)))
    size = max(1, CHUNK // 4 // max(len(table), 1))
    for start in range(0, len(people), size):
        rows = slice(start, min(start + size, len(people)))
        same = np.zeros((rows.stop - start, len(table)), dtype=np.int16)
        for ours, theirs in pairs:
            same += ours[rows, None] == theirs[None]
        yield rows, same == same.max(axis=1, keepdims=True)


def attribution(agree: Array, held: Array, truth: Array) -> Array:
    """Correct attribution probability of each person: the share of the rows that agree [people, rows] and hold
    the true value [people].
    """
    return np.asarray((agree & (held[None] == truth[:, None])).sum(axis=1) / agree.sum(axis=1))


def _keys(people: Records, table: Records, place: int) -> tuple[Array, Array]:
    ours, theirs = (np.asarray(side.x[:, place], dtype=np.float64) for side in (people, table))
    if people.schema.columns[place].kind in (*CODED, Kind.BOOLEAN):
        return tuple(np.nan_to_num(side, nan=-1.0) for side in (ours, theirs))  # type: ignore[return-value]
    known = theirs[np.isfinite(theirs)]
    edges = np.quantile(known, np.arange(1, BINS) / BINS) if len(known) else np.zeros(0)
    return tuple(  # type: ignore[return-value]
        np.where(np.isnan(side), -1, np.searchsorted(edges, np.nan_to_num(side), side="right"))
        for side in (ours, theirs)
    )


def _commonest(agree: Array, held: Array) -> Array:
    """Of each row of `agree` the value that most of its rows hold; the least of those that are equally common."""
    values, which = np.unique(held, return_inverse=True)
    counts = agree.astype(np.float32) @ np.eye(len(values), dtype=np.float32)[which]
    return np.asarray(values[counts.argmax(axis=1)])


def _middle(agree: Array, held: Array) -> Array:
    """Of each row of `agree` the lower median of the values that its rows hold; what is missing comes last."""
    order = np.argsort(held, kind="stable")
    among = agree[:, order].cumsum(axis=1)
    place = (among * 2 >= among[:, -1:]).argmax(axis=1)
    return np.asarray(held[order][place])
