"""Whose rows they are: labels of persons as users give them, and what sets of persons have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.persons import count
from divulge.core.records import Records
from divulge.core.wording import counted


def with_persons(
    sets: Sequence[tuple[str, Records]], labels: Sequence[Any | None]
) -> tuple[list[Records], tuple[str, ...]]:
    """The sets with `Records.groups`, and the label behind each number.

    sets: by the name that errors call them.  labels: one a record for each set, of any type; a number and the text of
    it are the same label.  None for records that stand for a person each.
    Raises InputError for a set with another number of labels, and for missing ones.
    """
    import pandas as pd

    persons = [
        None if given is None else _values(name, given, len(r)) for (name, r), given in zip(sets, labels, strict=True)
    ]
    known = [values for values in persons if values is not None]
    if len({_is_text(values) for values in known}) > 1:
        persons = [None if values is None else _texts(values) for values in persons]
        known = [values for values in persons if values is not None]
    codes, found = pd.factorize(np.concatenate(known))
    start, fresh, with_labels = 0, len(found), []
    for (_, records), values in zip(sets, persons, strict=True):
        if values is None:
            own = np.arange(fresh, fresh + len(records))
            fresh += len(records)
        else:
            own = np.asarray(codes[start : start + len(values)], dtype=np.int64)
            start += len(values)
        with_labels.append(replace(records, groups=own).as_given(records.given))
    return with_labels, tuple(map(str, found))


def _values(name: str, given: Any, records: int) -> Array:
    """Labels as objects [records]: whole numbers, or whatever else they are."""
    import pandas as pd

    series = pd.Series(given.tolist() if hasattr(given, "tolist") else list(given), dtype=object)
    if len(series) != records:
        raise InputError(
            f"groups of the {name}: there are {len(series):,} for {counted(records, 'record')}: pass one label a record"
        )
    missing = int(series.isna().sum())
    if missing:
        raise InputError(
            f"groups of the {name}: {counted(missing, 'record')} without a label: say whose they are, or leave them out"
        )
    whole = [int(v) if isinstance(v, float) and v.is_integer() else v for v in series.tolist()]
    values = np.empty(len(whole), dtype=object)
    for place, value in enumerate(whole):
        values[place] = tuple(value) if isinstance(value, list) else value
    return values


def _is_text(values: Array) -> bool:
    return any(not isinstance(value, int | float) for value in values)


def _texts(values: Array) -> Array:
    return np.array([str(value) for value in values], dtype=object)


def apart(
    members: Records, nonmembers: Records, population: Records | None, drop: bool
) -> tuple[Records, Records | None, int]:
    """Non-members and population without the persons of sets before them, and how many persons left the non-members.

    Raises InputError where persons stand among members and non-members alike and are not to be dropped, or where
    nobody else is left.
    """
    if members.groups is None or nonmembers.groups is None:
        return nonmembers, population, 0
    shared = np.isin(nonmembers.groups, members.groups)
    both = count(nonmembers.groups[shared])
    if both and not drop:
        raise InputError(
            f"{counted(both, 'person')} {'stands' if both == 1 else 'stand'} among members and non-members alike: draw "
            "persons with all their rows into either set before training, or say `duplicates: drop` to leave them out "
            "of the non-members"
        )
    if shared.all():
        raise InputError("every person among the non-members is a member too: give persons who were not trained on")
    nonmembers = nonmembers.take(~shared) if both else nonmembers
    if population is not None and population.groups is not None:
        asked = np.concatenate([members.groups, nonmembers.groups])
        known = np.isin(population.groups, asked)
        population = None if known.all() else population.take(~known)
    return nonmembers, population, both
