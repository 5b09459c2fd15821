"""The threshold test: an accuracy that own models of the two values differ most in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.meta import at_values
from divulge.attacks.property.property_loss_test import group_quality
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView, each


def best_cut(low: Array, high: Array) -> tuple[float, float, float]:
    """Where to cut one number so that two groups fall apart best: (cut, direction, share of both that is right)."""
    values = np.sort(np.unique(np.concatenate([low, high])))
    cuts = np.concatenate([[values[0] - 1e-9], (values[1:] + values[:-1]) / 2, [values[-1] + 1e-9]])
    right = np.array([(np.mean(low <= cut) + np.mean(high > cut)) / 2 for cut in cuts])
    best = int(np.abs(right - 0.5).argmax())
    return float(cuts[best]), 1.0 if right[best] >= 0.5 else -1.0, float(max(right[best], 1 - right[best]))


@dataclass(frozen=True)
class PropertyThresholdTest:
    """Accuracy on the two sets of the loss test; of the two, that in which own models of the two values are told apart
    best by a threshold (Suri and Evans 2022, section 5.1).
    """

    card: ClassVar[Card] = Card(
        name="property_threshold_test",
        title="Threshold test",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="suri2022",
        equations="section 5.1",
        summary="compares the model's accuracy with that of own models of both values",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION, Knowledge.RECIPE}), tasks=frozenset(Task)),
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: one label for each query record."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        cohort = question.shadows()

        def qualities(models: tuple) -> Array:  # type: ignore[type-arg]
            return each(models, lambda oracle: group_quality(oracle, question))

        own, theirs = qualities(cohort.oracles), qualities(question.victims)
        scores = []
        for low, high in question.pairs:
            shares = np.clip(np.array([low, high]), 0, 1) if own.shape[1] == 2 else np.ones(2)
            mixed = [np.column_stack([q[:, 0] * a + q[:, -1] * (1 - a) for a in shares]) for q in (own, theirs)]
            here, there = at_values(cohort, low, high)
            cuts = [best_cut(mixed[0][here, k], mixed[0][there, k]) for k in (0, 1)]
            k = int(np.argmax([cut[2] for cut in cuts]))
            scores.append((mixed[1][:, k] - cuts[k][0]) * cuts[k][1])
        return PropertyAnswer(tuple(scores))
