"""What an adversary has who reads published counts: the cells of the records in question, and how common each is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Knowledge, Needs, Task
from divulge.core.views.membership import MembershipView

READING = Needs(Access.COUNTS, frozenset({Knowledge.POPULATION}), tasks=frozenset(Task))


@dataclass(frozen=True, eq=False)
class Shares:
    """asked: [records, cells], 0 or 1.  released, usual: [cells], shares among whom was counted and of everybody.
    public: how many records `usual` comes from.
    """

    asked: Array
    released: Array
    usual: Array
    public: int


def shares_of(view: MembershipView) -> Shares:
    """The cells that say anything, and of each table one more, of whom none of its cells counts: cells that are empty
    are often not listed.  A cell that counts everybody says nothing of anyone.
    """
    counts = view.target.counts(view.candidates.schema)
    held = [counts.holds(records.x) for records in (view.candidates, view.population)]
    released = counts.as_shares(max(len(view.candidates) // 2, 1))
    columns: list[tuple[Array, Array, float]] = []
    for about, places in counts.tables().items():
        if not about:
            continue
        asked, public = (side[:, places] for side in held)
        columns += list(zip(asked.T, public.T, released[places], strict=True))
        if max(asked.sum(axis=1).max(), public.sum(axis=1).max()) <= 1:
            rest = float(np.clip(1 - released[places].sum(), 0.0, 1.0))
            columns.append((np.asarray(~asked.any(axis=1)), np.asarray(~public.any(axis=1)), rest))
    if not columns:
        raise Impossible("the published counts say how many people there are and no more")
    inside, usual = (np.stack([column[side] for column in columns], axis=1) for side in (0, 1))
    shares = np.array([column[2] for column in columns])
    return Shares(inside.astype(np.float64), shares, usual.mean(axis=0), len(view.population))
