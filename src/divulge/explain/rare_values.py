"""Who has a value that hardly anybody has, column by column, and whose row stands in a release."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from divulge.auditing.job import Job
from divulge.core.errors import DivulgeError
from divulge.core.hashing import Array, derived_seed
from divulge.core.mixed.space import Space, neighborhood
from divulge.core.records import CODED, Kind, Records
from divulge.games.release import NEAR

RARE = 0.01
"""Share of all records that have such a value at most, or lie beyond such a quantity on its side."""


def rare(records: Records) -> dict[int, Array]:
    """By the place of a column, who has a rare value there [records]; without columns that nobody stands out in."""
    found = {}
    for place, column in enumerate(records.schema.columns if records.x.ndim == 2 else ()):
        numbers = np.asarray(records.x[:, place], dtype=np.float64)
        if column.kind in CODED or column.kind is Kind.BOOLEAN:
            _, which, counts = np.unique(numbers, return_inverse=True, return_counts=True, equal_nan=True)
            has = counts[which] <= RARE * len(numbers)
        else:
            known = np.isfinite(numbers)
            if not known.any():
                continue
            order = np.sort(numbers[known])
            above = len(order) - np.searchsorted(order, numbers, side="left")
            below = np.searchsorted(order, numbers, side="right")
            has = known & (np.minimum(above, below) <= RARE * len(numbers))
        if has.any() and not has.all():
            found[place] = has
    return found


def rare_values(records: Records) -> Iterator[tuple[str, Array, str]]:
    """A trait for each such column: its name, who has it, and what to do about it."""
    for place, has in rare(records).items():
        name = records.schema.names[place]
        advice = f"merge rare values of {name}, cap it, or leave it out of the table"
        yield f"a rare value of {name}", has, advice


def remarks(job: Job) -> list[list[str]]:
    """What is remarkable about each candidate beside a release: whether its row stands there, what is rare about it.

    Nothing where the release cannot be had in the form of the records.
    """
    records, target = job.candidates, job.target
    words: list[list[str]] = [[] for _ in range(len(records))]
    for place, has in rare(records).items():
        column = records.schema.columns[place]
        for row in np.flatnonzero(has).tolist():
            words[row].append(f"{column.name} is {column.word(float(records.x[row, place]))}, which is rare")
    try:
        drawn = target.draw(int(job.member.sum()), derived_seed(job.seed, "release"), records.schema)  # type: ignore[attr-defined]
    except DivulgeError:
        return words
    there = set(drawn.row_keys())
    space = Space.around(records)
    points, rows = space.points(records), space.points(drawn)
    _, which = neighborhood(points, rows, 1)
    close = np.abs(points - rows[which[:, 0]]).max(axis=1) <= NEAR
    for row, key in enumerate(records.row_keys()):
        if key in there:
            words[row].insert(0, "stands in the release to the letter")
        elif close[row]:
            words[row].insert(0, "a row of the release is nearly the same")
    return words
