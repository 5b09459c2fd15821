"""Persons with several rows: what a user says about whose rows they are, and the sets of an audit with it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divulge.core.capability.targets import estimator_of
from divulge.core.errors import InputError
from divulge.core.persons import checked_aggregate
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.data.files import read_labels
from divulge.data.persons import with_persons
from divulge.setup.sources.sets import Sets
from divulge.targets.score_table import ScoreTable

if TYPE_CHECKING:
    import pandas as pd

SETS = ("members", "non-members", "population")
HOW = "groups must be (groups of members, groups of non-members), one label a record, or the name of a column"

Labels = list[Any | None]
"""For members, non-members and population; None where every record stands for a person."""


def told_apart(groups: Any, target: Target, pairs: Sequence[Any]) -> tuple[list[Any], Labels | None]:
    """The pairs (x, y) of members, non-members and population without the column that says whose records they are,
    and its labels.

    groups: labels of members and of non-members, and of the population; or the name of a column of their frames, which
    is no feature unless the model was fitted with it.  None where each record stands for itself.
    """
    import pandas as pd

    if groups is None:
        return list(pairs), None
    if isinstance(groups, tuple | list) and not isinstance(groups, str):
        return list(pairs), _given(groups, pairs)
    if isinstance(groups, pd.Series | pd.DataFrame) or hasattr(groups, "__array__"):
        raise InputError(HOW)
    frames = [_frame_of(pair) for pair in pairs]
    if any(pair is not None and not isinstance(frame, pd.DataFrame) for pair, frame in zip(pairs, frames, strict=True)):
        raise InputError(f"groups: {groups!r} is the name of a column, which only data frames have: {HOW}")
    without, labels = columns_apart([f for f in frames if f is not None], groups, target)
    rest, names = iter(without), iter(labels)
    sets = [
        None if pair is None else (next(rest), pair[1]) if isinstance(pair, tuple) else next(rest) for pair in pairs
    ]
    return sets, [None if pair is None else next(names) for pair in pairs]


def _frame_of(pair: Any) -> Any:
    """The records of a pair (x, y), or of a table without targets."""
    return pair[0] if isinstance(pair, tuple) and len(pair) == 2 else pair


def _given(groups: Sequence[Any], pairs: Sequence[Any]) -> Labels:
    if len(groups) not in (2, 3) or any(isinstance(part, str | int | float) for part in groups):
        raise InputError(HOW)
    labels = [*groups, *[None] * (3 - len(groups))]
    if labels[0] is None or labels[1] is None:
        raise InputError(HOW)
    if labels[2] is not None and pairs[2] is None:
        raise InputError("groups: there are labels for a population, and no population: give population=(x, y)")
    return labels


def columns_apart(
    frames: Sequence[pd.DataFrame], name: Any, target: Target, where: str = "groups"
) -> tuple[list[pd.DataFrame], Labels]:
    """Frames without the column that says whose rows they are, and its labels; it stays a feature where the model was
    fitted with it.
    """
    for frame in frames:
        if name not in frame.columns:
            names = [str(column) for column in frame.columns]
            near = difflib.get_close_matches(str(name), names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(names[:12])}"
            raise InputError(f"{where}: there is no column {name!r}; {hint}")
    labels: Labels = [frame[name] for frame in frames]
    if name in _fitted_with(target):
        return list(frames), labels
    return [frame.drop(columns=[name]) for frame in frames], labels


def _fitted_with(target: Target) -> list[Any]:
    try:
        names = getattr(estimator_of(target), "feature_names_in_", None)
    except Exception:  # a property of foreign code: it may raise what it likes
        return []
    return [] if names is None else list(names)


def with_groups(sets: Sets, labels: Labels | None, aggregate: str = "mean") -> Sets:
    """The sets, their records numbered by person; aggregate: how scores of a person's records become one."""
    sets = replace(sets, aggregate=checked_aggregate(aggregate))
    if labels is None:
        return sets
    given = (sets.members, sets.nonmembers, sets.population)
    named: list[tuple[str, Records]] = [(n, r) for n, r in zip(SETS, given, strict=True) if r is not None]
    labeled, persons = with_persons(named, labels[: len(named)])
    population = labeled[2] if len(labeled) > 2 else None
    return replace(sets, members=labeled[0], nonmembers=labeled[1], population=population, persons=persons)


def of_persons(table: ScoreTable, groups: Any) -> ScoreTable:
    """A score table with these labels, one a record; as it is where there are none."""
    if groups is None:
        return table
    if isinstance(groups, str):
        raise InputError("groups: a score table has no columns: pass one label a record")
    return replace(table, groups=groups)


def labels_of_arrays(paths: Sequence[tuple[str, Path]], name: str | None) -> Labels | None:
    """Labels that .npz files of records hold: the array of this name, or `groups` where no name is given; None where
    there are none.
    """
    found = [read_labels(path, f"data.{which}", name or "groups", name is not None) for which, path in paths]
    if all(labels is None for labels in found):
        return None
    for (which, path), labels in zip(paths[:2], found, strict=False):
        if labels is None:
            raise InputError(
                f"data.{which}: {path.name} has no array 'groups', and other sets do: save it in all of them"
            )
    return [*found, *[None] * (len(SETS) - len(found))]
