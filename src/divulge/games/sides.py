"""Records that training sets are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.property_expression import Columns, Property, columns_of
from divulge.core.records import Records


@dataclass(eq=False)
class Side:
    """Records that training sets are drawn from, with what a property may speak of."""

    records: Records
    columns: Columns

    @classmethod
    def of(cls, records: Records, columns: Columns | None = None) -> Side:
        """columns: given where the records do not hold all that the property speaks of."""
        return cls(records, columns if columns is not None else columns_of(records))

    def __len__(self) -> int:
        return len(self.records)

    def take(self, rows: Array) -> Side:
        """Some of the records."""
        return Side(self.records.take(rows), {name: np.asarray(v)[rows] for name, v in self.columns.items()})

    def speaking_of(self, prop: Property) -> Side:
        """Those records that a property speaks of: a mean is of those whose number is not missing."""
        known = prop.known(self.columns)
        return self if known.all() else self.take(np.flatnonzero(known))
