"""How far an audit goes: which families, and which properties are asked about where none are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Any

import numpy as np

from divulge.core.attack import Attack
from divulge.core.errors import InputError
from divulge.core.property_expression import columns_of
from divulge.core.records import Records, missing
from divulge.core.threat import Family
from divulge.games.properties import PropertyPlan

FAMILIES = (Family.MEMBERSHIP.value,)
"""Whose attacks run when none are named and there is no time limit."""

ALL_FAMILIES = tuple(family.value for family in Family)


LIGHT = PropertyPlan(victims=36, shadows=32)
"""Models for a property that nobody asked about: enough for a verdict, not for an estimate to boast of."""


@dataclass(frozen=True)
class Scope:
    """What is tried.  whole: all that the threat model allows, since neither attacks nor families were named."""

    families: tuple[str, ...]
    whole: bool

    def asked(self, named: Sequence[Any] | None, attacks: Sequence[Attack[Any, Any]]) -> tuple[str, ...]:
        """The families that were asked for by name, in order: those of the attacks where any were named; none in a
        whole audit.
        """
        families = self.families if named is None else {attack.card.family.value for attack in attacks}
        return () if self.whole else tuple(family for family in ALL_FAMILIES if family in families)

    def properties(self, given: PropertyPlan | Sequence[str], records: Records) -> PropertyPlan | Sequence[str]:
        """What is asked about the training set: in a whole audit the usual properties where none are named."""
        named = given.properties if isinstance(given, PropertyPlan) else tuple(given)
        if named or not self.whole:
            return given
        usual = usual_properties(records)
        if isinstance(given, PropertyPlan) and given != PropertyPlan():
            return replace(given, properties=usual)
        return replace(LIGHT, properties=usual)


def scope_of(attacks: Sequence[Any] | None, families: Sequence[str] | None, minutes: float | None) -> Scope:
    """Everything, where there is a time limit and nothing is named; else the families named, or membership."""
    if minutes is not None and not minutes > 0:
        raise InputError(f"minutes: {minutes:g} is no time: give a number above 0")
    whole = attacks is None and families is None and minutes is not None
    return Scope(ALL_FAMILIES if whole else tuple(families) if families is not None else FAMILIES, whole)


MOST_USUAL = 2


def usual_properties(records: Records) -> tuple[str, ...]:
    """Of each of the first two sensitive attributes the share of its commonest value, or the mean of a number; where
    none is sensitive the balance of the classes, or the mean of the target.
    """
    columns = columns_of(records)
    target = records.schema.target
    named = [name for name in records.schema.sensitive if name in columns][:MOST_USUAL] or [target]
    named = [name for name in named if name in columns]
    found = []
    for name in named:
        if not name.isidentifier() or iskeyword(name):  # `class`, say: no expression can speak of it
            continue
        values = np.asarray(columns[name])
        if values.dtype.kind in "fc" or (values.dtype.kind in "iu" and not len(records.schema.classes)):
            found.append(f"mean({name})")
            continue
        if values.dtype.kind == "M":
            found.append(f"mean({name})")
            continue
        values = values[[isinstance(v, str | bool | int | float | np.generic) and not missing(v) for v in values]]
        if not len(values):
            continue
        kinds, counts = np.unique(values.astype(str), return_counts=True)
        commonest = values[values.astype(str) == kinds[counts.argmax()]][0]
        found.append(f"share({name} == {commonest.item() if isinstance(commonest, np.generic) else commonest!r})")
    return tuple(found)
