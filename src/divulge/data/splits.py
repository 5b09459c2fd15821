"""Random splits made before training, and what the sets of an audit have in common."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from divulge.core.errors import InputError
from divulge.core.records import Records, concat
from divulge.core.wording import counted
from divulge.data.persons import apart

ROUNDING = 6
"""Decimals, in units of a column's standard deviation, within which two values count as equal."""


class Duplicates(Enum):
    """What to do with records that stand among members and non-members alike."""

    REFUSE = "refuse"
    DROP = "drop"
    KEEP = "keep"


@dataclass(frozen=True)
class Overlap:
    """How many records the sets share.

    exact, rounded: non-members that equal a member, to the letter and after rounding.
    within: members that equal another member.
    population: population records that equal a candidate; they are always dropped.
    persons: who stood among members and non-members alike, and was dropped from the latter.
    """

    exact: int
    rounded: int
    within: int
    population: int
    treatment: Duplicates
    persons: int = 0

    def __str__(self) -> str:
        if self.persons:
            dropped = f"{counted(self.persons, 'person')} among members and non-members alike, dropped from the latter"
            return f"{dropped}; {replace(self, persons=0)}"
        if not self.exact and not self.rounded and not self.within and not self.population:
            return "no record occurs twice"
        words = [f"{counted(self.exact, 'non-member')} equal to a member, {self.rounded:,} after rounding"]
        if self.rounded:
            words.append({"drop": "dropped", "keep": "kept"}.get(self.treatment.value, "refused"))
        if self.within:
            words.append(f"{counted(self.within, 'member')} equal to another member")
        if self.population:
            words.append(f"{counted(self.population, 'population record')} equal to a candidate, dropped")
        return "; ".join(words)


def split(records: Records, sizes: tuple[int, ...], rng: Generator) -> list[Records]:
    """Disjoint random parts of these sizes, drawn before anything is trained."""
    if sum(sizes) > len(records):
        raise InputError(f"{counted(len(records), 'record')} cannot be split into {' + '.join(map(str, sizes))}")
    order = rng.permutation(len(records))
    cuts = np.cumsum((0, *sizes))
    return [records.take(order[a:b]) for a, b in pairwise(cuts)]


def separate(
    members: Records, nonmembers: Records, population: Records | None, duplicates: Duplicates
) -> tuple[Records, Records, Records | None, Overlap]:
    """The sets without what they share, as `duplicates` says; raises InputError for REFUSE when they share records.

    Persons stand in one set only, and a person's own rows may equal each other.
    """
    nonmembers, population, persons = apart(members, nonmembers, population, duplicates is Duplicates.DROP)
    inside = members.row_keys()
    inside_set = set(inside)
    exact = sum(key in inside_set for key in nonmembers.row_keys())
    together = concat([members, nonmembers]).row_keys(ROUNDING)
    inside_rounded = set(together[: len(members)])
    shared = np.array([key in inside_rounded for key in together[len(members) :]])
    whose = members.groups.tolist() if members.groups is not None else range(len(inside))
    within = sum(n - 1 for n in Counter(key for key, _ in set(zip(inside, whose, strict=True))).values())
    if shared.any() and duplicates is Duplicates.REFUSE:
        raise InputError(
            f"{counted(int(shared.sum()), 'record')} stand among members and non-members alike ({exact} to the "
            "letter): give disjoint sets, or say `duplicates: drop` or `duplicates: keep`"
        )
    if shared.all() and duplicates is Duplicates.DROP:
        raise InputError("every non-member equals a member: give records that were not trained on as non-members")
    if duplicates is Duplicates.DROP:
        nonmembers = nonmembers.take(~shared)
    common = 0
    if population is not None:
        candidates = inside_set | set(nonmembers.row_keys())
        known = np.array([key in candidates for key in population.row_keys()])
        common = int(known.sum())
        population = population.take(~known) if not known.all() else None
    return members, nonmembers, population, Overlap(exact, int(shared.sum()), within, common, duplicates, persons)
