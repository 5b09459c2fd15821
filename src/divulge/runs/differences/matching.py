"""Which records of one run are records of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.wording import counted
from divulge.runs.differences.record_keys import RecordKeys, read_keys
from divulge.runs.folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

Place = tuple[bool, int]
"""Whether a member, and the row in its set."""


@dataclass(frozen=True, eq=False)
class Matching:
    """partner: of a place in the later run that in the earlier one.  positions: whether places are the same in both.
    words: how that is known.
    """

    partner: dict[Place, Place]
    positions: bool
    words: str

    def records(self, before: pd.DataFrame, now: pd.DataFrame) -> Array:
        """Of every row of one table of scores the row of the other about the same record, or -1: int [rows of now]."""
        known = {place: number for number, place in enumerate(_places(before))}
        if self.positions:
            return np.array([known.get(place, -1) for place in _places(now)], dtype=np.int64)
        partners = [self.partner.get(place) for place in _places(now)]
        return np.array([-1 if p is None else known.get(p, -1) for p in partners], dtype=np.int64)


def matching(before: RunFolder, now: RunFolder, same: bool | None = None) -> Matching:
    """Matched by content.  same: what is stated where that is not known, that both runs are about the same records in
    the same order, or about different ones.

    Raises InputError where the same records are stated and there are not as many.
    """
    if same is False:
        return Matching({}, False, "different records, as stated")
    if same:
        _checked(before, now)
        return Matching({}, True, "the same records, as stated")
    ours, theirs = read_keys(now.path), read_keys(before.path)
    if ours is None or theirs is None:
        return Matching({}, False, "records not known to be the same")
    if ours.whole == theirs.whole:
        return Matching({}, True, "the same records")
    if not ours.secret or ours.secret != theirs.secret:
        return Matching({}, False, "records not known to be the same: the runs were made on different machines")
    there = {name: place for place, name in _named(theirs).items()}
    partner = {place: there[name] for place, name in _named(ours).items() if name in there}
    words = f"{counted(len(partner), 'record')} in both" if partner else "different records"
    return Matching(partner, False, words)


def _checked(before: RunFolder, now: RunFolder) -> None:
    sizes = [(run.facts().data.members, run.facts().data.nonmembers) for run in (before, now)]
    if sizes[0] != sizes[1]:
        shown = " and ".join(f"{members:,} members with {others:,} non-members" for members, others in sizes)
        raise InputError(f"the runs cannot be about the same records: they have {shown}; leave the statement out")


def _places(frame: pd.DataFrame) -> list[Place]:
    return list(zip(frame["member"].astype(bool).tolist(), frame["row"].astype(int).tolist(), strict=True))


def _named(keys: RecordKeys) -> dict[Place, tuple[int, int]]:
    """Of every place its record, and which of equal ones it is."""
    seen: dict[int, int] = {}
    found = {}
    for member, row, key in zip(keys.member.tolist(), keys.row.tolist(), keys.key.tolist(), strict=True):
        seen[key] = seen.get(key, -1) + 1
        found[bool(member), int(row)] = (int(key), seen[key])
    return found
