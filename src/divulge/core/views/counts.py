"""The game of published counts as an attack sees it: the counts, and what is known of people already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from numpy.random import Generator

from divulge.core.hashing import Array
from divulge.core.mixed.counted import CellCounts
from divulge.core.records import Records, Schema
from divulge.core.target import Oracle
from divulge.core.threat import Knowledge, Needs
from divulge.core.views.membership import demand


@dataclass(frozen=True)
class CountsView:
    """schema: of the records.  size: how many people were counted.  columns: what is asked about."""

    target: Oracle
    schema: Schema
    size: int
    rng: Generator
    needs: Needs
    columns: tuple[int, ...] = ()
    _groups: Callable[[int], tuple[Records, ...]] | None = field(default=None, repr=False)

    def counts(self) -> CellCounts:
        """What was published."""
        return self.target.counts(self.schema)

    def groups(self, column: int) -> tuple[Records, ...]:
        """Groups of people without this column, which holds 0: one of them was counted, and none says which."""
        demand(self.needs, Knowledge.PARTIAL_RECORD)
        assert self._groups is not None
        return self._groups(column)


@dataclass(frozen=True, eq=False)
class GroupsGuess:
    """By column, of each group in their order, what its value is held to be [people of the group], and the same
    without what is known of each.
    """

    values: dict[int, tuple[Array, ...]]
    naive: dict[int, tuple[Array, ...]] = field(default_factory=dict)
