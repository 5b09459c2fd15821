"""What is counted in an audit: records, or persons with all their records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from divulge.auditing.job import Job
from divulge.core.hashing import Array
from divulge.core.persons import condensed, numbered

SEVERAL = -1
"""Stands for the class of a person whose records have several."""


@dataclass(frozen=True, eq=False)
class Units:
    """head: int [units], the first candidate of each.  place: int [candidates], which unit each belongs to.  row: int
    [units], the first position in the set that it was given in.  member: bool [units].  several: whether units are
    persons.
    """

    head: Array
    place: Array
    row: Array
    member: Array
    several: bool

    def mostly(self, has: Array) -> Array:
        """Bool [units]: whether at least half of a unit's records have something, bool [candidates]."""
        return np.asarray(condensed(has, self.place) >= 0.5) if self.several else has


def units_of(job: Job) -> Units:
    """Persons where the records say whose they are, else the records themselves."""
    if job.candidates.groups is None:
        index = np.arange(len(job.candidates))
        return Units(index, index, job.row, job.member, False)
    head, place, _ = numbered(job.candidates.groups)
    row = np.full(len(head), np.iinfo(np.int64).max)
    np.minimum.at(row, place, job.row)
    return Units(head, place, row, job.member[head], True)


def persons_of(scores: pd.DataFrame, aggregate: str) -> pd.DataFrame:
    """Scores of one attack with one row a person, in the order of their first rows; as they are where each record
    stands for itself.  rows: how many records each has.
    """
    if "person" not in scores.columns:
        return scores
    first, place, rows = numbered(scores["person"].to_numpy())
    made = scores.iloc[first].reset_index(drop=True)
    made["score"] = condensed(scores["score"].to_numpy(), place, aggregate or "mean")
    y = scores["y"].to_numpy()
    most, least = condensed(y, place, "max"), -condensed(-y, place, "max")
    made["y"] = condensed(y, place) if y.dtype.kind == "f" else np.where(most == least, most, SEVERAL).astype(np.int64)
    made["rows"] = rows
    return made
