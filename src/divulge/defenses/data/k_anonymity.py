"""k-anonymity: every combination of the named attributes is shared by at least k training records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import CODED, Records


@dataclass(frozen=True)
class KAnonymity:
    """Mondrian (LeFevre, DeWitt and Ramakrishnan 2006, figure 2): the records are cut in two at the median of the
    widest attribute, as long as both parts have k; in each part numbers become their mean and categories their
    commonest value.  A missing number becomes the mean of those of its part that are known, so that all look alike.

    columns: the quasi-identifiers; all columns where none are named.
    """

    k: int = 5
    columns: tuple[str, ...] = ()

    card: ClassVar[DefenseCard] = DefenseCard(
        name="k_anonymity",
        title="k-anonymity",
        paper="lefevre2006",
        summary="generalises training records until each looks like k others",
        stage=Stage.DATA,
        breaks_bound="is fitted to the training records without noise",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        if self.k < 2:
            raise InputError(f"k_anonymity: a k of {self.k} hides nobody: give at least 2")

    def prepare(self, records: Records, seed: int) -> Records:
        """See DataDefense; raises InputError for fewer than k records."""
        if records.x.ndim != 2 or records.schema.opaque:
            raise InputError("k_anonymity: only tables have attributes to generalise")
        if len(records) < self.k:
            raise InputError(f"k_anonymity: {len(records)} records cannot look like {self.k}: give more, or a lower k")
        places = [records.schema.position(name) for name in self.columns or records.schema.names]
        x, values = np.array(records.x), records.flat()[:, places]
        spans = np.maximum(np.ptp(values, axis=0), 1e-12)
        for part in self._parts(values, spans):
            for place in places:
                x[part, place] = self._general(records, place, x[part, place])
        return replace(records, x=x).settled()

    def _parts(self, values: Array, spans: Array) -> Iterator[Array]:
        """Rows that are to look alike."""
        waiting = [np.arange(len(values))]
        while waiting:
            rows = waiting.pop()
            for place in np.argsort(-np.ptp(values[rows], axis=0) / spans, kind="stable"):
                column = values[rows, place]
                low = column <= np.median(column)
                if not low.all() and min(low.sum(), (~low).sum()) >= self.k:
                    waiting += [rows[low], rows[~low]]
                    break
            else:
                yield rows

    @staticmethod
    def _general(records: Records, place: int, values: Array) -> float:
        if records.schema.columns[place].kind in CODED:
            kinds, counts = np.unique(values, return_counts=True)
            return float(kinds[counts.argmax()])
        known = values[np.isfinite(np.asarray(values, dtype=np.float64))]
        if not len(known):
            return float("nan")
        mean = float(known.mean())
        return round(mean) if np.issubdtype(values.dtype, np.integer) else mean
