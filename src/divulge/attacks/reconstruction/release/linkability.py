"""Two parts of a record that belong together (Giomi et al. 2023, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.reconstruction.release.knowing import KNOWING
from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.mixed.space import gower_nearest
from divulge.core.threat import Asset, Challenge, Family
from divulge.core.views.release import LinksGuess, ReleaseView


@dataclass(frozen=True)
class Linkability:
    """Two parts of a record are linked where one row of the release is among the nearest of both.

    first, second: columns of the two parts; every other column each when not given.  neighbors: how many of the nearest
    rows are looked at.  samples: see CopiedRows.
    """

    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    neighbors: int = 1
    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="linkability",
        title="Linkability",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.LINKED,
        paper="giomi2023",
        equations="section 4.2",
        summary="links two parts of a record that are nearest to the same synthetic row",
        needs=KNOWING,
        strength=0.6,
    )

    def run(self, view: ReleaseView) -> LinksGuess:
        """Cost: the samples, and a distance for each person and row, of either part."""
        first, second = self._columns(view)
        table = view.table(self.samples)
        halves = view.halves(first, second)
        found = [
            gower_nearest(part, table, columns, self.neighbors)
            for part, columns in ((halves.first, first), (halves.second, second))
        ]
        shape = (len(halves.first), min(self.neighbors, len(table)))
        naive = (view.rng.integers(len(table), size=shape), view.rng.integers(len(table), size=shape))
        return LinksGuess((first, second), found[0], found[1], naive)

    def _columns(self, view: ReleaseView) -> tuple[tuple[int, ...], tuple[int, ...]]:
        every = tuple(range(len(view.schema.columns)))
        if len(every) < 2:
            raise Impossible("there is one column only, which has no two parts")
        first, second = (tuple(view.schema.position(name) for name in part) for part in (self.first, self.second))
        if set(first) & set(second):
            raise InputError("linkability: a column stands in both parts: name it in one")
        if first and not second:
            second = tuple(place for place in every if place not in first)
        elif second and not first:
            first = tuple(place for place in every if place not in second)
        return (first, second) if first and second else (every[::2], every[1::2])
