"""Equation solving (Tramèr et al. 2016): as many queries as there are unknowns for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.copies import WrittenNetwork
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView


@dataclass(frozen=True)
class EquationSolving:
    """The logarithms of the scores of a logistic, softmax or margin model are linear in the input, up to a term that is
    the same for all classes, and so are the values of linear regression: one query in the middle of the range of inputs
    and one for each input moved alone give all weights.
    """

    card: ClassVar[Card] = Card(
        name="equation_solving",
        title="Equation solving",
        family=Family.EXTRACTION,
        asset=Asset.PARAMETERS,
        paper="tramer2016",
        equations="section 4.1",
        summary="solves linear equations for the weights of linear, logistic and softmax models",
        needs=Needs(Access.SCORES, tasks=frozenset({Task.CLASSIFICATION, Task.REGRESSION})),
        strength=1.0,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack; inputs + 1 queries."""
        view.numeric()
        low, high = view.low.ravel(), view.high.ravel()
        middle = (low + high) / 2
        step = np.where(high > low, (high - low) / 2, 1.0)
        whole = view.whole.ravel()
        middle, step = np.where(whole, np.floor(middle), middle), np.where(whole, np.maximum(np.floor(step), 1), step)
        needed = len(middle) + 1
        if view.affordable(needed) < needed:
            raise Impossible(f"it needs {needed:,} queries, one for each unknown of a class")
        x = np.concatenate([middle[None], middle[None] + np.diag(step)])
        sent = view.records(x.astype(view.example.x.dtype))
        x = sent.flat()
        regression = view.target.task is Task.REGRESSION
        answers = view.target.values(sent)[:, None] if regression else view.target.log_scores(sent)
        answers = answers if regression else answers - answers.mean(axis=1, keepdims=True)
        weights = (answers[1:] - answers[0]).T / np.diag(x[1:] - x[0])
        bias = answers[0] - weights @ x[0]
        copy = WrittenNetwork((weights, bias), regression)
        return ExtractionGuess(copy, copy.claimed(), stages=(CopyStage(view.target.queries, copy),))
