"""Stealing hyper-parameters (Wang and Gong 2018): where training ended, the gradient of its objective is zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.extraction.forms.decay import of_descent, of_module, of_perceptron
from divulge.attacks.extraction.objectives import Strength, solve
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.inside import prepared, taken_apart
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.extraction import Claim, ExtractionGuess, ExtractionView


@dataclass(frozen=True)
class Regularization:
    """For a learner that minimises loss + lambda x penalty, the parameters and the training data leave lambda as the
    only unknown of the equation "gradient = 0", which is solved by least squares over all coordinates (equation 5 of
    the paper).  Class weights are read off the estimator, and the values that it chose from, where it searched.  How
    far the solver went bounds lambda from both sides.  Where the equations do not hold nothing is handed in.
    """

    card: ClassVar[Card] = Card(
        name="regularization",
        title="Regularisation strength",
        family=Family.EXTRACTION,
        asset=Asset.HYPERPARAMETERS,
        paper="wang2018",
        equations="sections 4.1 to 4.4",
        summary="solves for the regularisation strength of linear models and SVMs, and the weight decay of networks",
        needs=Needs(
            Access.PARAMETERS,
            frozenset({Knowledge.TRAINING_DATA}),
            tasks=frozenset({Task.CLASSIFICATION, Task.REGRESSION}),
        ),
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack; no query."""
        view.numeric()
        model = view.target.parameters()
        data = view.training_data
        x = data.native()
        x = x.reshape(len(data), -1) if isinstance(x, np.ndarray) else x
        steps, last = taken_apart(model)
        if hasattr(last, "named_parameters"):
            x = data.x  # a network takes records in their shape
        x = np.asarray(prepared(steps, x), dtype=np.float64)
        y = np.asarray(data.y)
        if isinstance(getattr(last, "classes_", None), list):
            raise Impossible("it has several outputs, each with classes of its own")
        if data.schema.classes and hasattr(last, "classes_"):
            y = _labels(last, data.schema.classes, y)
        claims = [
            Claim(name, value.value, low=value.low, high=value.high)
            if isinstance(value, Strength)
            else Claim(name, value)
            for name, value in _strengths(last, x, y).items()
        ]
        return ExtractionGuess(claims=tuple(claims))


def _strengths(model: Any, x: Array, y: Array) -> Mapping[str, float | Strength]:
    kind = type(model).__name__
    if kind in ("SGDClassifier", "SGDRegressor"):
        return of_descent(model, x, y)
    if kind in ("MLPClassifier", "MLPRegressor"):
        return of_perceptron(model, x, y)
    return of_module(model, x, y) if hasattr(model, "named_parameters") else solve(model, x, y)


def _labels(model: Any, classes: Sequence[str], codes: Array) -> Array:
    """Labels as the estimator knows them: classes are found by name, since codes may be in another order."""
    named = {str(label): place for place, label in enumerate(np.asarray(model.classes_).tolist())}
    known = all(str(label) in named for label in classes)
    places = np.array([named[str(label)] for label in classes]) if known else np.arange(len(classes))
    return np.asarray(np.asarray(model.classes_)[places[codes.astype(np.int64)]])
