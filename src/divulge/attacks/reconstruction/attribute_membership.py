"""An attribute by membership: with the true value filled in, the record is a training record; with others it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.answers_by_value import Answerer, log_imputed
from divulge.attacks.reconstruction.fredrikson import KNOWN
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.reconstruction import AttributeGuess, AttributeScene, Question
from divulge.core.scene import Shadows
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs


@dataclass(frozen=True)
class AttributeMembership:
    """What an imputer says, times the likelihood ratio of membership of the completed record (Yeom et al. 2018,
    section 4, adversary 5, with the likelihood ratio of Carlini et al. 2022 as its membership oracle).

    shadows: models trained on halves of the population; none of them saw the records in question.
    """

    shadows: int = 8

    card: ClassVar[Card] = Card(
        name="attribute_membership",
        title="Attribute by membership",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.ATTRIBUTES,
        paper="yeom2018",
        equations="section 4, adversary 5",
        summary="takes the value with which the record is most likely a training record",
        needs=Needs(Access.SCORES, KNOWN | {Knowledge.RECIPE}),
        models=2,
    )

    def run(self, scene: AttributeScene) -> AttributeGuess:
        """Cost: one query for each record and value."""
        shadows = scene.shadows(self.shadows)
        raised = _lift(shadows)
        return Answerer(lambda s, q: log_imputed(q, s.population) + _log_ratio(s, q, shadows, raised))(scene)


def _lift(shadows: Shadows) -> tuple[float, float, float]:
    """By how much training on a record raises its logit-scaled confidence, and the spread within and without."""
    signal = shadows.signals(shadows.records, logit_scaled)
    seen = shadows.trained_on(shadows.records)
    middle = np.nanmean(np.where(seen, np.nan, signal), axis=0)
    within, without = (signal - middle)[seen], (signal - middle)[~seen]
    within, without = within[np.isfinite(within)], without[np.isfinite(without)]
    return float(within.mean()), max(float(within.std()), 1e-3), max(float(without.std()), 1e-3)


def _log_ratio(
    scene: AttributeScene, question: Question, shadows: Shadows, raised: tuple[float, float, float]
) -> Array:
    """Log-likelihood ratio of 'the model saw this record' for every completion: [records, completions]."""
    lift, within, without = raised
    made = []
    for number in range(len(question.completions)):
        records = question.completed(number)
        target = logit_scaled(scene.target.log_scores(records), records.y)
        surprise = target - shadows.signals(records, logit_scaled).mean(axis=0)
        inside = -0.5 * ((surprise - lift) / within) ** 2 - np.log(within)
        outside = -0.5 * (surprise / without) ** 2 - np.log(without)
        made.append(inside - outside)
    return np.stack(made, axis=1)
