"""The game of published counts: a value of people who were counted, and of as many others, by the same attack.

What the counts tell of people who were not counted is known of everybody like them; the others are the baseline.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.errors import Impossible, TargetError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng
from divulge.core.mixed.counted import CellCounts
from divulge.core.records import CODED, Kind, Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Quality
from divulge.core.results.metric import ATTRIBUTE_DEDUCED
from divulge.core.results.trials import Paired, Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Family
from divulge.core.views.counts import CountsView, GroupsGuess
from divulge.core.views.membership import Poison
from divulge.games.control_models import ControlModels
from divulge.games.release import asked_columns, right

MOST_VALUES = 30
"""Of a column that is asked about."""

BASELINE = "the same attack on people who were not counted"


@dataclass(eq=False)
class CountsGame:
    """training: who was counted.  unseen: people who were not.  columns: what is asked about.  beside: what controls
    are made of.
    """

    target: Target
    training: Records
    unseen: Records
    columns: tuple[int, ...]
    seed: int
    beside: ControlModels
    first: bool = field(init=False)
    """Whether the first group is the one that was counted."""

    def __post_init__(self) -> None:
        rng = derived_rng(self.seed, "who is asked about")
        self.first = bool(rng.random() < 0.5)
        self.training = self.training.take(rng.permutation(len(self.training)))
        self.unseen = self.unseen.take(rng.permutation(len(self.unseen))[: len(self.training)])

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.RECONSTRUCTION

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[CountsView, GroupsGuess]]:
        """One round.  NEGATIVE: the same cells counted among other people.  POSITIVE: a cell for everybody."""
        target = self.target if arm is Arm.TARGET else self.beside.model(arm)

        def open_view(oracle: Oracle, card: Card, means: Any, rng: Generator) -> CountsView:
            schema, size = self.training.schema, len(self.training)
            return CountsView(oracle, schema, size, rng, card.needs, self.columns, self._without)

        yield Round(target, open_view, self._judged)

    def baseline(self) -> Iterator[Scored]:
        """The baseline of this game is the same attack on others."""
        raise Impossible("each person is compared with one who was not there")

    def _without(self, column: int) -> tuple[Records, ...]:
        known = []
        for side in self._in_order():
            x = np.array(side.x)
            x[:, column] = 0
            known.append(Records(x, np.zeros_like(side.y), side.schema))
        return tuple(known)

    def _in_order(self) -> tuple[Records, Records]:
        return (self.training, self.unseen) if self.first else (self.unseen, self.training)

    def _judged(self, guess: GroupsGuess) -> Evidence:
        trials, shown = [], []
        people = min(len(self.training), len(self.unseen))
        for column, values in guess.values.items():
            name = self.training.schema.names[column]
            inside, outside = (hits[:people] for hits in self._hits(column, values))
            groups = self.training.groups
            units = np.arange(people) if groups is None else np.unique(groups[:people], return_inverse=True)[1]
            sides = (tuple(inside.tolist()), tuple(outside.tolist()), tuple(units.tolist()))
            trials.append(Paired(ATTRIBUTE_DEDUCED, *sides, "the very value", about=name))
            if column in guess.naive:
                naive = self._hits(column, guess.naive[column])[0][:people]
                shown.append(Quality("by guesses without the rest of a record", tuple(naive.tolist()), about=name))
        if not trials:
            raise Impossible("there is no column that the counts could tell")
        return Evidence(tuple(trials), tuple(shown), BASELINE)

    def _hits(self, column: int, values: tuple[Array, ...]) -> tuple[Array, Array]:
        """Whether each value is right, of who was counted and of the others."""
        sides = self._in_order()
        if len(values) != 2 or any(np.shape(v) != (len(side),) for v, side in zip(values, sides, strict=False)):
            raise TargetError("the attack returned values of other people than it was asked about")
        found = [right(side, column, np.asarray(v, dtype=np.float64)) for v, side in zip(values, sides, strict=True)]
        return (found[0], found[1]) if self.first else (found[1], found[0])


def told_columns(counts: CellCounts, records: Records) -> tuple[int, ...]:
    """Columns that the counts could tell: categories and truth values of few values that stand in cells together with
    other columns; the sensitive ones, or those that are hardest to guess.
    """
    together = {c.column for cell in counts.cells for c in cell if len({each.column for each in cell}) > 1}
    schema = records.schema

    def fits(place: int) -> bool:
        column = schema.columns[place]
        few = column.kind is Kind.BOOLEAN or (column.kind in CODED and len(column.categories) <= MOST_VALUES)
        return few and place in together

    return tuple(place for place in asked_columns(records) if fits(place))
