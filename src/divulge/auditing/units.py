"""What is counted in an audit: records, or persons with all their records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.auditing.job import Job
from divulge.core.hashing import Array
from divulge.core.persons import condensed, numbered


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
