"""What generated records tell about the set that a generator learned from (Zhou et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.meta import answered, compared, learn
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView


def read(records: Records) -> Array:
    """Inputs and class side by side, [records, features]."""
    return np.column_stack([records.flat(), records.y])


@dataclass(frozen=True)
class PropertySamples:
    """A classifier learns on the adversary's records which of them are of the kind in question; it judges what a
    generator makes, and the share that it finds is set right by the adversary's own generators, whose sets are known.

    samples: records that each generator is asked for.
    """

    samples: int = 2_000

    card: ClassVar[Card] = Card(
        name="property_samples",
        title="Shares among generated records",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="zhou2021",
        equations="section IV, full black-box adversary",
        summary="counts the kind among generated records, set right by own generators",
        needs=Needs(Access.SAMPLES, frozenset({Knowledge.POPULATION, Knowledge.RECIPE})),
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: `samples` generated records of each generator.  Raises Impossible for properties that are not about a
        kind of records.
        """
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        if question.flags is None or question.flags.all() or not question.flags.any():
            raise Impossible(f"{question.text} is not about a kind of records that generated ones could be of")
        judge = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0)
        with threadpool_limits(1):
            judge.fit(read(question.queries), question.flags)
        cohort = question.shadows()

        def shares(oracle: Oracle, about: PropertyQuestion) -> Array:
            sampled = oracle.samples(self.samples, about.queries.schema)
            with threadpool_limits(1):  # so little work is slower on many threads
                sure = judge.predict_proba(read(sampled))[:, 1]
            return np.array([sure.mean(), float(np.mean(sure > 0.5))])

        own, theirs = compared(question, cohort, shares)
        return answered(question, cohort, learn(own, theirs, cohort), (f"{self.samples:,} records of each generator",))
