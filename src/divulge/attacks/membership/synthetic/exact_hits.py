"""Records that stand in a release to the letter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.release import ALL_TASKS
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class ExactHits:
    """How often a record stands in the release to the letter."""

    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="exact_hits",
        title="Records that are there to the letter",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="hilprecht2019",
        equations="section 4.2, Monte Carlo at distance 0",
        summary="counts the synthetic records that equal the one in question",
        needs=Needs(Access.SAMPLES, tasks=ALL_TASKS),
        strength=0.4,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples."""
        table = view.target.samples(self.samples or len(view.candidates) // 2, view.candidates.schema)
        held = Counter(table.row_keys())  # an array of bytes would drop the zeros that a digest ends in
        return MembershipGuess(np.array([float(held[key]) for key in view.candidates.row_keys()]))
