"""Who is more at risk than others: the strongest attack within each group of a sensitive attribute."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from divulge.core.hashing import Array
from divulge.core.persons import count
from divulge.core.records import Column, Records
from divulge.core.results.audit_result import Subgroup
from divulge.core.results.estimate import Rate
from divulge.core.results.finding import Reading
from divulge.core.results.trials import Scored
from divulge.stats.auc import auc
from divulge.stats.intervals import clopper_pearson
from divulge.stats.many.multiplicity import holm
from divulge.stats.within import Area, against_the_others, two_sided

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 30
"""Members and non-members that a group needs to be listed."""

FEWEST_BESIDE = 10
"""Members and non-members that a group needs to be one of the others."""

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
        labels = np.full(len(values), "missing", dtype=object)
        labels[~holes] = _bands(values[~holes], column) if not holes.all() else labels[~holes]
        return labels
    if len(np.unique(values)) <= 2 * BANDS:
        return np.array([column.word(v) for v in values], dtype=object)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BANDS + 1)))
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    names = np.array([f"{column.word(a)} to {column.word(b)}" for a, b in pairwise(edges)], dtype=object)
    return np.asarray(names[place])


FALSE_POSITIVES = ((0.01, 1_000), (0.1, 0))
"""Rates at which the one threshold is put, and the non-members that it takes."""


def subgroups(
    scores: pd.DataFrame, attributes: pd.DataFrame, confidence: float, aggregate: str = "mean"
) -> tuple[Subgroup, ...]:
    """The AUC of one attack within each group, against the AUCs within the other groups of the attribute; and how often
    its members, and others, are named at one threshold for everybody.

    scores: columns member, row, score.  Whether members of a group can be told from its non-members better than
    elsewhere is compared within groups, since a group whose records are harder scores lower altogether.  What a member
    suffers is decided at one threshold, which knows no groups: Fisher's exact test.  All p-values are two-sided and
    corrected together (Holm).  With a column person, persons are counted, each by those of their rows that have the
    value.
    """
    together = scores.merge(attributes, on=["member", "row"], validate="one_to_one")
    unit = together["person"].to_numpy() if "person" in together.columns else np.arange(len(together))
    member = together["member"].to_numpy()
    columns = (together["score"].to_numpy(), unit, aggregate or "mean")
    threshold, fpr = _threshold(columns, member)
    found: list[Subgroup] = []
    p_values: list[float] = []
    for name in attributes.columns.difference(["member", "row"]):
        values = together[name].to_numpy()
        sides = {
            value: _inside(columns, member, values == value)
            for value in sorted(set(values), key=str)
            if min(count(unit[(values == value) & arm]) for arm in (member, ~member)) >= FEWEST_BESIDE
        }
        areas = {value: Area(auc(side), side.n_exposed, side.n_control) for value, side in sides.items()}
        for value, side in sides.items():
            if areas[value].fewer < FEWEST:
                continue
            contrast = against_the_others(areas[value], [area for v, area in areas.items() if v != value])
            others = _inside(columns, member, values != value) if contrast is not None else None
            group, p_named = _group(name, str(value), side, areas[value], others, threshold, 1 - confidence)
            if contrast is not None:
                group = replace(group, others=contrast.others, more_at_risk=contrast.higher)
            found.append(group)
            p_values += [contrast.p_value if contrast is not None else 1.0, p_named]
    adjusted = holm(p_values).reshape(-1, 2)
    return tuple(
        replace(
            group,
            p_adjusted=float(p),
            more_at_risk=bool(p <= 1 - confidence) and group.more_at_risk,
            less_at_risk=bool(p <= 1 - confidence) and not group.more_at_risk,
            named_p=float(p_named),
            fpr=fpr,
        )
        for group, (p, p_named) in zip(found, adjusted, strict=True)
    )


def _group(
    name: str, value: str, side: Scored, area: Area, others: Scored | None, threshold: float, alpha: float
) -> tuple[Subgroup, float]:
    """A group as it is, and the p-value of its members being named as often as others'."""
    named, strangers = _above(side, side.exposed, threshold), _above(side, ~side.exposed, threshold)
    elsewhere = _above(others, others.exposed, threshold) if others is not None else None
    group = Subgroup(
        attribute=name,
        value=value,
        members=side.n_exposed,
        nonmembers=side.n_control,
        auc=Reading(area.auc.value, *area.auc.interval(alpha)),
        p_adjusted=1.0,
        more_at_risk=False,
        named=Reading(named.value, *clopper_pearson(named, alpha)),
        named_others=elsewhere.value if elsewhere is not None else None,
        strangers=Reading(strangers.value, *clopper_pearson(strangers, alpha)),
    )
    return group, two_sided(named, elsewhere) if elsewhere is not None else 1.0


def _inside(told: tuple[Array, Array, str], member: Array, group: Array) -> Scored:
    """The evidence of some of the records, one trial a person."""
    score, unit, aggregate = told
    index = np.arange(int(group.sum()))
    return Scored(score[group], member[group], unit[group], index, aggregate=aggregate).by_unit()


def _threshold(told: tuple[Array, Array, str], member: Array) -> tuple[float, float]:
    """The score that at most so many of all non-members exceed, and that rate."""
    everybody = _inside(told, member, np.ones(len(member), dtype=bool))
    outside = np.sort(everybody.score[~everybody.exposed])[::-1]
    fpr = next(rate for rate, fewest in FALSE_POSITIVES if len(outside) >= fewest)
    return float(outside[min(int(np.floor(fpr * len(outside) + 1e-9)), len(outside) - 1)]), fpr


def _above(evidence: Scored, arm: Array, threshold: float) -> Rate:
    return Rate(int((evidence.score[arm] > threshold).sum()), int(arm.sum()))
