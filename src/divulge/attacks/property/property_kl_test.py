"""The KL test: which of the adversary's models does the model speak like?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.meta import at_values
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView, each


@dataclass(frozen=True)
class PropertyKlTest:
    """For every pair of own models, one of each value: which is nearer to the model by the mean KL divergence of their
    scores on the queries?  The pairs vote (Suri et al. 2023, section 4.1).
    """

    card: ClassVar[Card] = Card(
        name="property_kl_test",
        title="KL divergence test",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="suri2023",
        equations="section 4.1",
        summary="which own models give scores nearest to the model's?",
        needs=Needs(Access.SCORES, frozenset({Knowledge.POPULATION, Knowledge.RECIPE})),
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: the scores of one query for each query record."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        cohort = question.shadows()
        theirs, own = (
            each(models, lambda s: s.log_scores(question.queries)) for models in (question.victims, cohort.oracles)
        )
        apart = divergence(theirs, own)
        scores = []
        for low, high in question.pairs:
            here, there = at_values(cohort, low, high)
            votes = np.sign(apart[:, here][:, :, None] - apart[:, there][:, None, :])
            near = np.median(apart[:, here], axis=1) - np.median(apart[:, there], axis=1)
            scores.append(votes.mean(axis=(1, 2)) + 1e-6 * np.tanh(near))
        return PropertyAnswer(tuple(scores))


def divergence(theirs: Array, own: Array) -> Array:
    """Mean KL divergence of own scores from theirs: [victims, models] from log-scores [.., queries, classes]."""
    p = np.exp(theirs)
    entropy = (p * theirs).sum(axis=-1).mean(axis=1)
    cross = np.tensordot(p, own, axes=([1, 2], [1, 2])) / theirs.shape[1]
    return np.asarray(entropy[:, None] - cross)
