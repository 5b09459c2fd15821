"""Poisoning that makes a property show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.contributed import contributed, contributor
from divulge.attacks.property.meta import at_values
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Challenge, Family
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView, each


@dataclass(frozen=True)
class Snap:
    """Records of the kind are contributed with one class; the rarer the kind is among the others' records, the more the
    model believes them.  It is asked for the logit of that class on further records of the kind, and the mean is
    compared with the point at which two normal distributions, of own models of either value, cross (Chaudhari et al.
    2023, section 4.2 and algorithm 1).

    rate: of the training set's size, how many records are contributed.
    """

    rate: float = 0.02

    card: ClassVar[Card] = Card(
        name="snap",
        title="SNAP",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="chaudhari2023",
        equations="section 4.2, algorithm 1",
        summary="contributes records of the kind with a changed class, and looks how far the model believes them",
        needs=contributor(Access.SCORES),
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: the scores of one query for each query record of the kind that was not contributed."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        contribution = contributed(question, self.rate)
        target_labels = np.full(len(contribution.asked), contribution.target)

        def believes(models: tuple) -> Array:  # type: ignore[type-arg]
            return each(
                models, lambda s: np.array([logit_scaled(s.log_scores(contribution.asked), target_labels).mean()])
            )[:, 0]

        cohort = contribution.question.shadows()
        own, theirs = believes(cohort.oracles), believes(contribution.question.victims)
        scores = []
        for low, high in question.pairs:
            groups = [own[rows] for rows in at_values(cohort, low, high)]
            scores.append(log_ratio(theirs, *groups))
        return PropertyAnswer(tuple(scores), told=contribution.told)


def log_ratio(values: Array, low: Array, high: Array) -> Array:
    """Log-likelihood of values under a normal distribution fitted to `high`, less that under `low`'s."""

    def fit(group: Array) -> Array:
        spread = max(float(group.std(ddof=1)), 1e-6)
        return np.asarray(-0.5 * ((values - group.mean()) / spread) ** 2 - np.log(spread))

    return fit(high) - fit(low)
