"""What is true of one row of a release alone, and so perhaps of one person (Giomi et al. 2023, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import CODED, Kind, Schema
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.release import Predicate, PredicatesGuess, ReleaseView

TRIES = 50
"""Predicates that are looked at for each that is wanted."""


def _is_quantity(schema: Schema, place: int) -> bool:
    return schema.columns[place].kind not in (*CODED, Kind.BOOLEAN)


@dataclass(frozen=True)
class SinglingOut:
    """Some columns of a random row of the release: categories that are equal, quantities at most or at least as large,
    on whichever side of the median fewer rows are.  What holds of one row of the release alone is a guess.

    predicates: how many are wanted.  columns: of each.  samples: see CopiedRows.
    """

    predicates: int = 500
    columns: int = 3
    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="singling_out",
        title="Singling out, several attributes",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.SINGLED,
        paper="giomi2023",
        equations="section 4.1, multivariate",
        summary="guesses that what holds of one synthetic row alone holds of one person alone",
        needs=Needs(Access.SAMPLES, tasks=frozenset(Task)),
        strength=0.6,
    )

    def run(self, view: ReleaseView) -> PredicatesGuess:
        """Cost: the samples.  As many guesses are made up without the release."""
        x = np.asarray(view.table(self.samples).x, dtype=np.float64)
        width = min(self.columns, x.shape[1])
        with np.errstate(all="ignore"):
            medians = np.array([np.nanmedian(c) if np.isfinite(c).any() else 0.0 for c in x.T])
        found: dict[tuple[object, ...], Predicate] = {}
        for _ in range(self.predicates * TRIES):
            if len(found) >= self.predicates:
                break
            row, places = x[view.rng.integers(len(x))], tuple(sorted(view.rng.permutation(x.shape[1])[:width].tolist()))
            each = _of_row(row, places, medians, view.schema)
            key = (places, each.signs, tuple(map(str, each.values)))
            if key not in found and _count(each, x) == 1:
                found[key] = each
        return PredicatesGuess(tuple(found.values()), tuple(_made_up(view.rng, x, width, view.schema) for _ in found))


@dataclass(frozen=True)
class SinglingOutUnivariate:
    """Values that stand in one row of the release alone, and the least and the greatest of every quantity."""

    predicates: int = 500
    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="singling_out_univariate",
        title="Singling out, one attribute",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.SINGLED,
        paper="giomi2023",
        equations="section 4.1, univariate",
        summary="guesses that a value which one synthetic row alone has is one person's alone",
        needs=Needs(Access.SAMPLES, tasks=frozenset(Task)),
        strength=0.4,
    )

    def run(self, view: ReleaseView) -> PredicatesGuess:
        """Cost: the samples.  As many guesses are made up without the release."""
        x = np.asarray(view.table(self.samples).x, dtype=np.float64)
        found: list[Predicate] = []
        for place, column in enumerate(x.T):
            values, counts = np.unique(column, return_counts=True)
            found += [Predicate((place,), ("=",), (float(v),)) for v in values[counts == 1]]
            known = column[np.isfinite(column)]
            if _is_quantity(view.schema, place) and len(known):
                found.append(Predicate((place,), ("<",), (float(known.min()),)))
                found.append(Predicate((place,), (">",), (float(known.max()),)))
        chosen = [found[place] for place in view.rng.permutation(len(found))[: self.predicates]]
        return PredicatesGuess(tuple(chosen), tuple(_made_up(view.rng, x, 1, view.schema) for _ in chosen))


def _of_row(row: Array, places: tuple[int, ...], medians: Array, schema: Schema) -> Predicate:
    signs = []
    for place in places:
        if not _is_quantity(schema, place) or np.isnan(row[place]):
            signs.append("=")
        else:
            signs.append(">" if row[place] > medians[place] else "<")
    return Predicate(places, tuple(signs), tuple(float(row[place]) for place in places))


def _made_up(rng: Generator, x: Array, width: int, schema: Schema) -> Predicate:
    """Random columns, signs and values: categories that there are, quantities anywhere between the extremes."""
    places = tuple(sorted(rng.permutation(x.shape[1])[:width].tolist()))
    signs, values = [], []
    for place in places:
        column = schema.columns[place]
        known = x[np.isfinite(x[:, place]), place]
        if not _is_quantity(schema, place):
            signs.append("=")
            values.append(float(rng.integers(max(len(column.categories), 2))))
        elif not len(known):
            signs.append("=")
            values.append(float("nan"))
        else:
            signs.append(str(rng.choice(["=", "<", ">"])))
            values.append(float(rng.uniform(known.min(), known.max())))
    return Predicate(places, tuple(signs), tuple(values))


def _count(predicate: Predicate, x: Array) -> int:
    found = np.ones(len(x), dtype=bool)
    for place, sign, value in zip(predicate.columns, predicate.signs, predicate.values, strict=True):
        column = x[:, place]
        if sign == "=":
            found &= np.isnan(column) if np.isnan(value) else column == value
        else:
            found &= column <= value if sign == "<" else column >= value
    return int(found.sum())
