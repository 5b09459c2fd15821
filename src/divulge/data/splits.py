"""Random splits made before training, and what the sets of an audit have in common."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from divulge.core.errors import InputError, Notice
from divulge.core.hashing import row_digests
from divulge.core.records import Records, concat
from divulge.core.wording import counted
from divulge.data.persons import apart

ROUNDING = 6
"""Decimals, in units of a column's spread, within which two values count as equal."""

LIKELY = 0.01
"""Below this probability a coincidence is none."""

DEALS = 999

HALF = 0.5
"""Share of non-members from which records that are equal after rounding only are copies."""


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
            words.append("dropped" if self.treatment is Duplicates.DROP else "kept")
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
    """The sets without what they share, as `duplicates` says.

    REFUSE raises InputError where records stand among members and non-members alike to the letter, and more of them
    than chance puts there, and where half of the non-members or more equal members after rounding.  What may be alike
    by coincidence stays, with a Notice.  Persons stand in one set only, and a person's own rows may equal each other.
    """
    nonmembers, population, persons = apart(members, nonmembers, population, duplicates is Duplicates.DROP)
    inside, outside = members.row_keys(), nonmembers.row_keys()
    inside_set = set(inside)
    exact = np.array([key in inside_set for key in outside])
    rounded = rounded_keys(concat([members, nonmembers]))
    near, near_outside = rounded[: len(members)], rounded[len(members) :]
    near_set = set(near)
    shared = exact | np.array([key in near_set for key in near_outside])
    whose = members.groups.tolist() if members.groups is not None else range(len(inside))
    within = sum(n - 1 for n in Counter(key for key, _ in set(zip(inside, whose, strict=True))).values())
    if shared.any() and duplicates is Duplicates.REFUSE:
        copied = bool(exact.any()) and not likely(inside, outside, members, nonmembers)
        copied = copied or (shared.mean() >= HALF and not likely(near, near_outside, members, nonmembers))
        _refuse_or_tell(int(exact.sum()), int(shared.sum()), copied)
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
    counts = int(exact.sum()), int(shared.sum()), within, common
    return members, nonmembers, population, Overlap(*counts, duplicates, persons)


def _refuse_or_tell(exact: int, shared: int, copied: bool) -> None:
    cure = "`duplicates: drop` or `duplicates: keep` (in Python duplicates='drop' or 'keep')"
    if copied:
        stand = (
            f"{counted(shared, 'record')} {'stands' if shared == 1 else 'stand'} among members and non-members alike"
        )
        raise InputError(f"{stand} ({exact} to the letter), not by chance: give disjoint sets, or say {cure}")
    equal = f"{counted(shared, 'non-member')} {'is' if shared == 1 else 'are'} equal to a member, or nearly so"
    warnings.warn(
        f"{equal} ({exact} to the letter): it may be chance, so they stay; else say {cure}", Notice, stacklevel=3
    )


def rounded_keys(records: Records) -> list[bytes]:
    """One digest a record, each column rounded to ROUNDING decimals of its spread, which no outlier inflates: the
    median distance from the median of the values that are not there.
    """
    raw = np.asarray(records.x.reshape(len(records), -1), dtype=np.float64)  # what is missing equals what is missing
    table = np.column_stack([raw, np.asarray(records.y, dtype=np.float64)])
    rounded = np.empty_like(table)
    for place, column in enumerate(table.T):
        known = column[np.isfinite(column)]
        away = np.abs(known - np.median(known)) if len(known) else known
        away = away[away > 0]
        rounded[:, place] = np.round(column / (np.median(away) if len(away) else 1.0), ROUNDING)
    return row_digests(rounded + 0.0)  # no negative zeros


def likely(inside: Sequence[bytes], outside: Sequence[bytes], members: Records, nonmembers: Records) -> bool:
    """Whether chance would let as many non-members equal a member.  The sets are dealt anew; where no record occurs
    twice on one side, so that dealing tells little, it is asked instead how often such records are equal at all.

    inside, outside: a key for each member and non-member; records of equal keys are equal.
    """
    if len(set(inside)) == len(inside) and len(set(outside)) == len(outside):
        return len(inside) * len(outside) * _chance_of_equality(members, nonmembers) > LIKELY
    known = set(inside)
    found = sum(key in known for key in outside)
    sizes = np.array([size for size in Counter((*inside, *outside)).values() if size > 1])
    share = len(inside) / (len(inside) + len(outside))
    dealt = np.random.default_rng(0).binomial(sizes, share, size=(DEALS, len(sizes)))
    as_many = ((sizes - dealt) * (dealt > 0)).sum(axis=1) >= found
    return float((1 + as_many.sum()) / (1 + DEALS)) > LIKELY


def _chance_of_equality(members: Records, nonmembers: Records) -> float:
    """Of two records of one set, were the columns independent of each other."""
    chance = 1.0
    for columns in zip(*(np.column_stack([r.flat(), r.y]).T for r in (members, nonmembers)), strict=True):
        counts = [np.unique(column, return_counts=True)[1].astype(np.float64) for column in columns]
        equal = sum(float((c * (c - 1)).sum()) for c in counts)
        chance *= equal / max(sum(len(column) * (len(column) - 1) for column in columns), 1)
    return chance
