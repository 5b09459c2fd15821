"""Rows that belong together: whose they are, and what becomes of several rows of one person."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from divulge.core.errors import InputError
from divulge.core.hashing import Array

AGGREGATES = ("mean", "max", "sum")
"""How the scores of a person's rows become one: chosen before anything is seen."""


def checked_aggregate(how: str) -> str:
    """The same; raises InputError for an unknown one."""
    if how not in AGGREGATES:
        raise InputError(f"aggregate: {how!r} is unknown: choose one of {', '.join(AGGREGATES)}")
    return how


def numbered(groups: Array) -> tuple[Array, Array, Array]:
    """Of every person the first row [persons], in the order of these; of every row the person's number 0 .. k - 1
    [rows]; of every person the number of rows [persons].
    """
    _, first, place, rows = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[place], rows[order]


def count(groups: Array | None) -> int:
    """How many persons; 0 where rows stand for themselves."""
    return 0 if groups is None else len(np.unique(groups))


def condensed(values: Array, place: Array, how: str = "mean") -> Array:
    """One number a person, of the numbers of the person's rows.

    values: [rows].  place: int [rows], numbers 0 .. k - 1 of which none is missing.  Returns [k].  Equal rows have
    exactly their own value as their mean, so that ties stay ties whatever the number of rows.
    """
    numbers = np.asarray(values, dtype=np.float64)
    order = np.lexsort((numbers, place))
    ordered = numbers[order]
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    if how == "max":
        return np.asarray(np.maximum.reduceat(ordered, starts))
    if how == "sum":
        return np.asarray(np.add.reduceat(ordered, starts))
    rows = np.diff(np.append(starts, len(ordered)))
    least = ordered[starts]
    return np.asarray(least + np.add.reduceat(ordered - np.repeat(least, rows), starts) / rows)


def whole(groups: Array, size: int, rng: Generator) -> Array:
    """Rows of persons drawn at random, all rows of each, until there are `size` rows: int [rows], sorted."""
    _, place, rows = numbered(groups)
    order = rng.permutation(len(rows))
    enough = int(np.searchsorted(np.cumsum(rows[order]), min(size, len(groups)))) + 1
    return np.flatnonzero(np.isin(place, order[:enough]))


def half_of_persons(groups: Array, rng: Generator) -> Array:
    """Bool [rows]: all rows of a random half of the persons."""
    _, place, rows = numbered(groups)
    return np.asarray(np.isin(place, rng.permutation(len(rows))[: len(rows) // 2]))


def every_nth(records: int, step: int, groups: Array | None) -> Array:
    """Every n-th record, or all records of every n-th person where it is known whose they are: int [rows]."""
    if groups is None:
        return np.arange(0, records, step)
    return np.flatnonzero(numbered(groups)[1] % step == 0)
