"""What two published counts tell whose people differ in one (differencing; Dinur and Nissim 2003, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.aggregates.asked import KNOWING, Equations, equations
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Asset, Challenge, Family
from divulge.core.views.counts import CountsView, GroupsGuess


@dataclass(frozen=True)
class Differencing:
    """A count less one whose people are the same but for one person says whether that person has one of the values
    that are counted; so does the count of a person alone.  Of anybody else, the value that most have.
    """

    card: ClassVar[Card] = Card(
        name="differencing",
        title="Counts that differ in one person",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.SOLVED,
        paper="dinur2003",
        equations="section 1",
        summary="takes one published count from another whose people differ in one",
        needs=KNOWING,
        strength=0.4,
    )

    def run(self, view: CountsView) -> GroupsGuess:
        """Cost: every count is looked up without each of its people."""
        counts, values, naive = view.counts(), {}, {}
        for column in view.columns:
            asked = [equations(counts, known, column, view.size) for known in view.groups(column)]
            values[column] = tuple(_told(each) for each in asked)
            naive[column] = tuple(np.full(len(each.people), each.usual) for each in asked)
        return GroupsGuess(values, naive)


def _told(asked: Equations) -> Array:
    """Of each person the value that most speaks for, by all pairs of counts about the same values."""
    evidence = np.zeros((len(asked.people), len(asked.values)))
    for allowed in np.unique(asked.allowed, axis=0):
        if allowed.all() or not allowed.any():
            continue
        cells = (asked.allowed == allowed).all(axis=1)
        for person, told in differing(asked.people[:, cells].T, asked.numbers[cells]).items():
            says = 2 * np.clip(told, 0.0, 1.0) - 1
            evidence[person] += np.where(allowed, says / allowed.sum(), -says / (~allowed).sum())
    evidence[:, asked.values == asked.usual] += 1e-6
    return np.asarray(asked.values[evidence.argmax(axis=1)])


def differing(sets: Array, answers: Array) -> dict[int, float]:
    """What two queries tell whose people differ in one: by person the difference of their answers, of several the mean.

    sets: bool [queries, people].  answers: [queries].  One count about a person alone, of nobody else, counts too.
    """
    packed = np.packbits(sets, axis=1)
    held = {row.tobytes(): float(answer) for row, answer in zip(packed, answers, strict=True)}
    held.setdefault(bytes(packed.shape[1]), 0.0)
    found: dict[int, list[float]] = {}
    sizes = set(sets.sum(axis=1).tolist()) | {0}
    for row, mine, answer in zip(packed, sets, answers, strict=True):
        if int(mine.sum()) - 1 not in sizes:
            continue
        for person in np.flatnonzero(mine).tolist():
            without = row.copy()
            without[person // 8] ^= 128 >> person % 8
            other = held.get(without.tobytes())
            if other is not None:
                found.setdefault(person, []).append(float(answer) - other)
    return {person: float(np.mean(values)) for person, values in sorted(found.items())}
