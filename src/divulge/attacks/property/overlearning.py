"""Attributes of an input in what a model makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs, Task
from divulge.core.views.property import InputAnswer, InputGuess, InputQuestion, InputView


@dataclass(frozen=True)
class Overlearning:
    """A linear probe learns an attribute from what the model passes on of the adversary's own records (Song and
    Shmatikov 2020, section 3.1), from the scores alone, and from what an untrained network passes on; and for each a
    control task, of which a probe can only learn by heart (Hewitt and Liang 2019, section 2).

    strength: inverse of the probe's regularisation.
    """

    strength: float = 0.1

    card: ClassVar[Card] = Card(
        name="overlearning",
        title="Attributes in what is passed on",
        family=Family.PROPERTY,
        asset=Asset.ATTRIBUTES,
        challenge=Challenge.INPUTS,
        paper="song2020b",
        equations="section 3.1",
        summary="a probe reads sensitive attributes off what a split model passes on",
        needs=Needs(Access.ACTIVATIONS, frozenset({Knowledge.POPULATION}), tasks=frozenset(Task)),
    )

    def run(self, view: InputView) -> InputGuess:
        """Cost: no query."""
        return InputGuess(tuple(self._about(question) for question in view.questions))

    def _about(self, question: InputQuestion) -> InputAnswer:
        choices, controls = {}, {}
        for name, known in question.known.items():
            choices[name] = self._probe(known, question.values, question.features[name])
            controls[name] = self._probe(known, question.control_values, question.features[name])
        return InputAnswer(choices, controls)

    def _probe(self, known: Array, values: Array, asked: Array) -> Array:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if len(np.unique(values)) < 2:
            return np.full(len(asked), values[0])
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=self.strength, max_iter=500))
        return np.asarray(probe.fit(known, values).predict(asked))
