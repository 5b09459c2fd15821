"""The counts that a value of one column has a part in, as equations about people of whom the rest is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.mixed.counted import CellCounts
from divulge.core.records import Records
from divulge.core.threat import Access, Knowledge, Needs, Task

KNOWING = Needs(Access.COUNTS, frozenset({Knowledge.PARTIAL_RECORD}), tasks=frozenset(Task))


@dataclass(frozen=True, eq=False)
class Equations:
    """people: bool [people, cells], who is counted in a cell if their value is among the cell's.  allowed: bool
    [cells, values].  numbers: [cells], for as many people.  values: [values], codes.
    """

    people: Array
    allowed: Array
    numbers: Array
    values: Array

    @property
    def usual(self) -> float:
        """The value that most people have, as far as the counts tell: of the cells that allow one value alone, that
        with the largest count.
        """
        alone = self.allowed & (self.allowed.sum(axis=1) == 1)[:, None]
        if not alone.any():
            return float(self.values[0])
        most = np.where(alone, self.numbers[:, None], -np.inf).max(axis=0)
        return float(self.values[int(most.argmax())])


def equations(counts: CellCounts, known: Records, column: int, size: int) -> Equations:
    """The cells with a condition on a column.  size: how many people were counted; of a group of another size the
    counts are those in proportion.
    """
    schema = known.schema.columns[column]
    values = np.arange(len(schema.categories) if schema.categories else 2, dtype=np.float64)
    row = np.zeros((len(values), len(known.schema.columns)))
    row[:, column] = values
    told = [place for place, cell in enumerate(counts.cells) if any(c.column == column for c in cell)]
    allowed = np.ones((len(told), len(values)), dtype=bool)
    for place, cell in enumerate(told):
        for condition in counts.cells[cell]:
            if condition.column == column:
                allowed[place] &= condition.holds(row)
    people = counts.known(np.asarray(known.x), column)[:, told]
    return Equations(people, allowed, counts.as_numbers(size)[told] * len(known) / size, values)
