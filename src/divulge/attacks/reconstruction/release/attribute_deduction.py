"""What a release tells of an attribute of known people (Giomi et al. 2023, section 4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.release.knowing import KNOWING, asked_columns
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.mixed.space import gower_nearest
from divulge.core.threat import Asset, Challenge, Family
from divulge.core.views.release import ReleaseView, ValuesGuess


@dataclass(frozen=True)
class AttributeDeduction:
    """A person's unknown value is that of the nearest row of the release, by what is known otherwise.

    known: columns that are known; all but the one in question when not given.  samples: see CopiedRows.
    """

    known: tuple[str, ...] = ()
    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="attribute_deduction",
        title="Inference of an attribute",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.DEDUCED,
        paper="giomi2023",
        equations="section 4.3",
        summary="takes a person's value from the nearest synthetic row",
        needs=KNOWING,
        strength=0.6,
    )

    def run(self, view: ReleaseView) -> ValuesGuess:
        """Cost: the samples, and a distance for each person and row, for every column that is asked about."""
        table = view.table(self.samples)
        values: dict[int, Array] = {}
        naive: dict[int, Array] = {}
        for column, places in asked_columns(view, self.known):
            people = view.known(column)
            row = gower_nearest(people, table, places, 1, target=True)[:, 0]
            held = np.asarray(table.x[:, column], dtype=np.float64)
            values[column], naive[column] = held[row], held[view.rng.integers(len(held), size=len(people))]
        return ValuesGuess(values, naive)
