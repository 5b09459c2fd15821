"""Who is more at risk than others: the strongest attack within each group of a sensitive attribute."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from divulge.core.hashing import Array
from divulge.core.persons import count
from divulge.core.records import Column, Records
from divulge.core.results.audit_result import Subgroup
from divulge.core.results.finding import Reading
from divulge.core.results.trials import Scored
from divulge.stats.auc import Auc, auc
from divulge.stats.multiplicity import holm

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 30
"""Members and non-members that a group needs to be listed."""

BANDS = 4
"""Quantile bands into which a sensitive number is cut."""


def attributes_of(candidates: Records, member: Array, row: Array) -> pd.DataFrame:
    """The sensitive attributes of every record, as words: columns member, row, and one for each attribute."""
    import pandas as pd

    told: dict[str, Array] = {"member": member, "row": row}
    for position, column in enumerate(candidates.schema.columns):
        if not column.sensitive:
            continue
        values = candidates.x[:, position]
        told[column.name] = _of_each(column, values) if column.whole and column.categories else _bands(values, column)
    return pd.DataFrame(told)


def _of_each(column: Column, codes: Array) -> Array:
    """Categories in words; two that read alike (1 and "1") are told apart by their types."""
    words = [column.word(code) for code in range(len(column.categories))]
    alike = {word for word in words if words.count(word) > 1}
    named = [
        f"{word} ({type(value).__name__})" if word in alike else word
        for word, value in zip(words, column.categories, strict=True)
    ]
    return np.array(named, dtype=object)[codes.astype(np.int64)]


def _bands(values: Array, column: Column) -> Array:
    """A number as the band it lies in; few different values stay as they are, and a missing one is told as such."""
    holes = np.isnan(np.asarray(values, dtype=np.float64))
    if holes.any():
        told = np.full(len(values), "missing", dtype=object)
        told[~holes] = _bands(values[~holes], column) if not holes.all() else told[~holes]
        return told
    if len(np.unique(values)) <= 2 * BANDS:
        return np.array([column.word(v) for v in values], dtype=object)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BANDS + 1)))
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    names = np.array([f"{column.word(a)} to {column.word(b)}" for a, b in pairwise(edges)], dtype=object)
    return np.asarray(names[place])


def subgroups(
    scores: pd.DataFrame, attributes: pd.DataFrame, confidence: float, aggregate: str = "mean"
) -> tuple[Subgroup, ...]:
    """The AUC of one attack within each group, and whether it is higher than among all others.

    scores: columns member, row, score.  The difference to the others is tested with both DeLong variances, and the
    p-values are corrected for the number of groups (Holm).  With a column person, persons are counted, each by those of
    their rows that have the value.
    """
    together = scores.merge(attributes, on=["member", "row"], validate="one_to_one")
    unit = together["person"].to_numpy() if "person" in together.columns else np.arange(len(together))
    member, told = together["member"].to_numpy(), (together["score"].to_numpy(), unit, aggregate or "mean")
    found: list[tuple[str, str, Array, Auc]] = []
    for name in attributes.columns.difference(["member", "row"]):
        values = together[name].to_numpy()
        for value in sorted(set(values), key=str):
            inside = values == value
            sides = [part & side for part in (inside, ~inside) for side in (member, ~member)]
            if min(count(unit[side]) for side in sides) >= FEWEST:
                found.append((name, str(value), inside, _area(told, member, inside)))
    p_values = [_p_value(a, _area(told, member, ~inside)) for _, _, inside, a in found]
    return tuple(
        Subgroup(
            attribute=name,
            value=value,
            members=count(unit[inside & member]),
            nonmembers=count(unit[inside & ~member]),
            auc=Reading(area.value, *area.interval(1 - confidence)),
            p_adjusted=float(p),
            more_at_risk=bool(p <= 1 - confidence),
        )
        for (name, value, inside, area), p in zip(found, holm(p_values), strict=True)
    )


def _area(told: tuple[Array, Array, str], member: Array, group: Array) -> Auc:
    score, unit, aggregate = told
    index = np.arange(int(group.sum()))
    return auc(Scored(score[group], member[group], unit[group], index, aggregate=aggregate).by_unit())


def _p_value(group: Auc, others: Auc) -> float:
    from scipy import stats

    spread = np.sqrt(group.variance + others.variance)
    return 1.0 if spread == 0 else float(stats.norm.sf((group.value - others.value) / spread))
