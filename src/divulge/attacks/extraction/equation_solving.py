"""Equation solving (Tramèr et al. 2016): as many queries as there are unknowns for each class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.copies import WrittenNetwork
from divulge.attacks.extraction.forms.solving import MOST_UNKNOWNS, against_rest, behind_link, quadratic
from divulge.attacks.extraction.forms.written import GeneralizedLinear, OneAgainstRest
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Family, Needs, Task
from divulge.core.views.extraction import LINEAR, CopyStage, ExtractionGuess, ExtractionView, Parameters, Surrogate

CHECKS = 20
"""Further queries that the solution must explain before it is handed in."""

CLOSE = 1e-3
"""Share of the spread of the answers that it may miss them by: single precision loses a few digits in log-scores."""

FAINT = -16.0
"""Log-scores below say nothing more of the logits: a score of 1e-7 has hardly a digit left in single precision."""

CLEAR = FAINT / 2
"""Log-scores above have digits enough to be compared."""

MOST = 0.8
"""Share of the further answers that must be explained."""

CLOSER = (1.0, 1 / 16, 1 / 256)
"""Shares of half the range that an input is moved by, until no score is too faint."""

WIDEST = 40
"""Inputs of a form with a term for each pair of them: 861 terms."""

SPARE = 1.3
"""Answers for each unknown, where some may be too faint."""


@dataclass(frozen=True)
class EquationSolving:
    """The logarithms of the scores of a logistic, softmax or margin model are linear in the input, up to a term that is
    the same for all classes, and so are the values of linear regression: one query in the middle of the range of inputs
    and one for each input moved alone give all weights.  Further queries show whether the answers are linear at all:
    the solution is kept for itself where it does not explain them.  Then come forms with more unknowns: values whose
    logarithm or reciprocal is linear (no further query), log-odds that are quadratic (naive Bayes, quadratic
    discriminants), shares of sigmoids (one against the rest).
    """

    card: ClassVar[Card] = Card(
        name="equation_solving",
        title="Equation solving",
        family=Family.EXTRACTION,
        asset=Asset.PARAMETERS,
        paper="tramer2016",
        equations="section 4.1",
        summary="solves equations for the weights of linear, logistic, softmax and quadratic models",
        needs=Needs(Access.SCORES, tasks=frozenset({Task.CLASSIFICATION, Task.REGRESSION})),
        strength=1.0,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack; inputs + 1 queries and 20 to see whether the solution holds, more for other forms."""
        view.numeric()
        needed = view.low.size + 1
        if view.affordable(needed) < needed:
            raise Impossible(f"it needs {needed:,} queries, one for each unknown of a class")
        asked = _Equations(view)
        for copy, parameters in asked.solutions():
            if asked.explained(copy):
                stage = CopyStage(view.target.queries, copy)
                return ExtractionGuess(copy, parameters, stages=(stage,))
        raise Impossible(
            f"no planes explain {asked.checks} further answers, nor does another form that it can solve: the model is "
            "not linear in its inputs, or its answers are rounded"
        )


class _Equations:
    """What was asked so far, and what could explain it."""

    def __init__(self, view: ExtractionView) -> None:
        self._view = view
        self._regression = view.target.task is Task.REGRESSION
        low, high = view.low.ravel(), view.high.ravel()
        whole = self._whole = view.whole.ravel()
        middle, step = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)
        self._middle = np.where(whole, np.floor(middle), middle)
        self._step = np.where(whole, np.maximum(np.floor(step), 1), step)
        self._x: list[Array] = []
        self._answers: list[Array] = []
        self._held: tuple[Records, Array] | None = None
        self.checks = 0

    def solutions(self) -> Iterator[tuple[Surrogate, Parameters | None]]:
        """One after another, each after the queries that it needs: [copy, its parameters]."""
        weights, bias = self._planes()
        copy = WrittenNetwork((weights, bias), self._regression)
        yield copy, copy.claimed()
        if self._regression:
            for glm in behind_link(*self._all()):
                yield glm, _parameters(glm)
            return
        inputs, classes = len(self._middle), len(bias)
        for form, unknowns in (
            ("own squares", 1 + 2 * inputs),
            ("rest", (inputs + 1) * classes // max(classes - 1, 1) + inputs),
            ("products", 1 + inputs + inputs * (inputs + 1) // 2),
        ):
            many = classes * (inputs + 1) > MOST_UNKNOWNS
            if (form == "rest" and (classes < 3 or many)) or (form == "products" and inputs > WIDEST):
                continue
            if not self._gathered(int(SPARE * unknowns) + 1):
                return
            found = self._solved(form)
            if found is not None:
                yield found, _parameters(found) if isinstance(found, OneAgainstRest) else None

    def explained(self, copy: Surrogate) -> bool:
        """Whether a copy gives further answers, as far as they are not too faint to tell."""
        if self._held is None:
            self.checks = max(self._view.affordable(CHECKS), 0)
            if not self.checks:
                return True
            sent = self._view.uniform(self.checks)
            self._held = sent, self._answer(sent)
        sent, answers = self._held
        wanted = np.asarray(copy.log_scores(sent))
        if self._regression:
            off = np.abs(wanted - answers)
        else:
            clear = answers > CLEAR  # each record has such a class; of others single precision leaves few digits
            answers, wanted = np.maximum(answers, FAINT), np.maximum(wanted, FAINT)
            off = np.where(clear, np.abs(wanted - answers), 0).max(axis=1)
        spread = max(float(np.ptp(answers)), 1e-12)
        return bool(np.quantile(off, MOST) <= CLOSE * spread)

    def _planes(self) -> tuple[Array, Array]:
        """Weights [outputs, inputs] and biases from inputs moved one by one, less where a score is too small."""
        needed = len(self._middle) + 1
        shares = CLOSER if not self._whole.any() else CLOSER[:1]
        for share in shares:
            step = self._step * share
            x = np.concatenate([self._middle[None], self._middle[None] + np.diag(step)])
            sent = self._view.records(x.astype(self._view.example.x.dtype))
            x, answers = sent.flat(), self._answer(sent)
            self._x.append(x)
            self._answers.append(answers)
            faint = not self._regression and float(answers.min()) < FAINT
            if not faint or self._view.affordable(needed) < needed:
                break
        answers = answers[:, None] if self._regression else answers - answers.mean(axis=1, keepdims=True)
        weights = (answers[1:] - answers[0]).T / np.diag(x[1:] - x[0])
        return weights, answers[0] - weights @ x[0]

    def _gathered(self, number: int) -> bool:
        """Asks at random places until there are so many answers, half of them nearer to the middle; whether it may."""
        missing = number - sum(map(len, self._x))
        if missing <= 0:
            return True
        if self._view.affordable(missing) < missing:
            return False
        drawn = self._view.uniform(missing).flat()
        share = np.where(np.arange(missing) % 2, 0.25, 1.0)[:, None]
        near = self._middle + share * (drawn - self._middle)
        sent = self._view.records(np.where(self._whole, drawn, near).astype(self._view.example.x.dtype))
        self._x.append(sent.flat())
        self._answers.append(self._answer(sent))
        return True

    def _solved(self, form: str) -> Surrogate | None:
        x, answers = self._all()
        if form == "rest":
            return against_rest(x, answers, self._middle, self._step)
        return quadratic(x, answers, form == "products", self._middle, self._step, FAINT)

    def _all(self) -> tuple[Array, Array]:
        return np.concatenate(self._x), np.concatenate(self._answers)

    def _answer(self, sent: Records) -> Array:
        target = self._view.target
        return np.asarray(target.values(sent) if self._regression else target.log_scores(sent), dtype=np.float64)


def _parameters(found: GeneralizedLinear | OneAgainstRest) -> Parameters:
    return Parameters(LINEAR, (np.atleast_2d(found.weights), np.atleast_1d(found.bias)))
