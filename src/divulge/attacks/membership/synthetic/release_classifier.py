"""A classifier of synthetic and real records (LOGAN, Hayes et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.release import ALL_TASKS, released
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

REAL = Needs(Access.SAMPLES, frozenset({Knowledge.POPULATION}), tasks=ALL_TASKS)


@dataclass(frozen=True)
class ReleaseClassifier:
    """A classifier learns to tell synthetic records from real ones; what looks synthetic to it was trained on (LOGAN,
    Hayes et al. 2019, the adversary with records of the same population).
    """

    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="release_classifier",
        title="Classifier of synthetic and real records",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="hayes2019",
        equations="section 4.3, black-box attack with auxiliary knowledge",
        summary="learns to tell synthetic records from real ones and calls a member what looks synthetic",
        needs=REAL,
        strength=0.35,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, and one boosted classifier."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        seen = released(view, self.samples)
        real = seen.population(view)
        inputs = np.concatenate([real, seen.table])
        judge = HistGradientBoostingClassifier(
            max_iter=100, early_stopping=False, class_weight="balanced", random_state=0
        )
        with threadpool_limits(1):
            judge.fit(inputs, np.arange(len(inputs)) >= len(real))
            return MembershipGuess(judge.decision_function(seen.candidates))
