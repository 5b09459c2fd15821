"""Two sets of scores, and which trials of one are about the same person as which of the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.results.trials import Scored


@dataclass(frozen=True, eq=False)
class Linked:
    """before, now: one trial a unit.  partner: int [trials of now], the trial of `before` about the same unit, or -1
    where there is none.
    """

    before: Scored
    now: Scored
    partner: Array

    @property
    def matched(self) -> int:
        """How many trials both have."""
        return int((self.partner >= 0).sum())

    def turned(self) -> Linked:
        """The same the other way round."""
        back = np.full(len(self.before.score), -1)
        both = np.flatnonzero(self.partner >= 0)
        back[self.partner[both]] = both
        return Linked(self.now, self.before, back)


def linked(before: Scored, now: Scored, records: Array) -> Linked:
    """records: int [trials of now], the trial of `before` about the same record, or -1.

    Persons with several records become one trial each, and two are the same person where they share a record and
    neither shares one with anybody else.  Raises InputError where one trial is named as the partner of two.
    """
    known = np.flatnonzero(records >= 0)
    if len(np.unique(records[known])) < len(known):
        raise InputError("a record of one run cannot be two records of the other: state which belong together")
    ours, theirs = now.by_unit(), before.by_unit()
    partner = np.full(len(ours.score), -1)
    if not len(known):
        return Linked(theirs, ours, partner)
    place_now, place_before = _places(now, ours)[known], _places(before, theirs)[records[known]]
    pairs = np.unique(np.column_stack([place_now, place_before]), axis=0)
    alone = [np.bincount(side)[side] == 1 for side in pairs.T]
    sure = pairs[alone[0] & alone[1]]
    partner[sure[:, 0]] = sure[:, 1]
    return Linked(theirs, ours, partner)


def _places(rows: Scored, units: Scored) -> Array:
    """Of every row the place of its unit among the units."""
    order = np.argsort(units.unit)
    return np.asarray(order[np.searchsorted(units.unit, rows.unit, sorter=order)])
