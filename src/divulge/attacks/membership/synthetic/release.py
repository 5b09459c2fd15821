"""What an adversary has who is given a synthetic table: it, the records in question, and real ones to compare with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.mixed.space import Space
from divulge.core.records import Records
from divulge.core.threat import Task
from divulge.core.views.membership import MembershipView

ALL_TASKS = frozenset(Task)

MOST_FITTED = 2_000
"""Candidates, which are in random order, that principal components are found among."""


@dataclass(frozen=True, eq=False)
class Release:
    """Positions in one space: candidates and table [records, axes].  rows: of the table.  space: of all of them."""

    candidates: Array
    table: Array
    rows: Records
    space: Space

    def population(self, view: MembershipView) -> Array:
        """The adversary's own records, in random order: [records, axes]."""
        order = np.random.default_rng(0).permutation(len(view.population))
        return self.space.points(view.population.take(order))


def released(view: MembershipView, samples: int | None, components: int | None = None) -> Release:
    """The release, in units of the candidates.  samples: see ClosestRecord.  components: see MonteCarlo."""
    space = Space.around(view.candidates)
    rows = view.target.samples(samples or default_samples(view), view.candidates.schema)
    asked, table = space.points(view.candidates), space.points(rows)
    if components is not None:
        middle = asked.mean(axis=0)
        kept = np.linalg.svd(asked[:MOST_FITTED] - middle, full_matrices=False)[2][:components].T
        asked, table = (asked - middle) @ kept, (table - middle) @ kept
    return Release(asked, table, rows, space)


def default_samples(view: MembershipView) -> int:
    """As many as were trained on, as far as the adversary knows: half of the candidates."""
    return max(len(view.candidates) // 2, 1)
