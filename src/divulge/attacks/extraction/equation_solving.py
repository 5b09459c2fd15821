"""Equation solving (Tramèr et al. 2016): as many queries as there are unknowns for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.copies import WrittenNetwork
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView

CHECKS = 20
"""Further queries that the solution must explain before it is handed in."""

CLOSE = 1e-3
"""Share of the spread of the answers that it may miss them by: single precision loses a few digits in log-scores."""

FAINT = -16.0
"""Log-scores below say nothing more of the logits: a score of 1e-7 has hardly a digit left in single precision."""

CLOSER = (1.0, 1 / 16, 1 / 256)
"""Shares of half the range that an input is moved by, until no score is too faint."""


@dataclass(frozen=True)
class EquationSolving:
    """The logarithms of the scores of a logistic, softmax or margin model are linear in the input, up to a term that is
    the same for all classes, and so are the values of linear regression: one query in the middle of the range of inputs
    and one for each input moved alone give all weights.  Further queries show whether the answers are linear at all:
    the solution is kept for itself where it does not explain them.
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
        """See Attack; inputs + 1 queries, and 20 to see whether the solution holds."""
        view.numeric()
        low, high = view.low.ravel(), view.high.ravel()
        middle = (low + high) / 2
        step = np.where(high > low, (high - low) / 2, 1.0)
        whole = view.whole.ravel()
        middle, step = np.where(whole, np.floor(middle), middle), np.where(whole, np.maximum(np.floor(step), 1), step)
        needed = len(middle) + 1
        if view.affordable(needed) < needed:
            raise Impossible(f"it needs {needed:,} queries, one for each unknown of a class")
        regression = view.target.task is Task.REGRESSION
        shares = CLOSER if not whole.any() else CLOSER[:1]
        for share in shares:
            weights, bias, faint = self._solved(view, middle, step * share)
            last = share == shares[-1] or view.affordable(needed) < needed
            if not faint or last:
                break
        self._explains(view, weights, bias)
        copy = WrittenNetwork((weights, bias), regression)
        return ExtractionGuess(copy, copy.claimed(), stages=(CopyStage(view.target.queries, copy),))

    def _solved(self, view: ExtractionView, middle: Array, step: Array) -> tuple[Array, Array, bool]:
        """Weights [outputs, inputs] and biases, and whether a score was too small to tell its logit."""
        x = np.concatenate([middle[None], middle[None] + np.diag(step)])
        sent = view.records(x.astype(view.example.x.dtype))
        x = sent.flat()
        regression = view.target.task is Task.REGRESSION
        answers = view.target.values(sent)[:, None] if regression else view.target.log_scores(sent)
        faint = not regression and float(answers.min()) < FAINT
        answers = answers if regression else answers - answers.mean(axis=1, keepdims=True)
        weights = (answers[1:] - answers[0]).T / np.diag(x[1:] - x[0])
        return weights, answers[0] - weights @ x[0], faint

    def _explains(self, view: ExtractionView, weights: Array, bias: Array) -> None:
        """Raises Impossible where further answers are not those of the planes."""
        number = view.affordable(CHECKS)
        if number < 1:
            return
        sent = view.uniform(number)
        if view.target.task is Task.REGRESSION:
            answers = view.target.values(sent)[:, None].astype(np.float64)
            wanted = sent.flat() @ weights.T + bias
            off = np.abs(wanted - answers)
        else:
            answers = view.target.log_scores(sent)
            logits = sent.flat() @ weights.T + bias
            top = logits.max(axis=1, keepdims=True)
            wanted = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
            off = np.abs(np.maximum(wanted, FAINT) - np.maximum(answers, FAINT))
        spread = max(float(np.ptp(np.maximum(answers, FAINT) if weights.shape[0] > 1 else answers)), 1e-12)
        if not float(np.median(off)) <= CLOSE * spread:
            raise Impossible(
                f"no planes explain {number} further answers, so the model is not linear in its inputs, or its answers "
                "are rounded"
            )
