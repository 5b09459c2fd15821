"""Networks from explanations: the slope of an answer jumps where a neuron switches (Milli et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.piecewise import Kinked, random_line
from divulge.attacks.extraction.relu_network import CHECKS, KinkedCopy
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView

LINES, PIECES, HALVINGS = 8, 256, 44
"""Random lines; places on each at which slopes are asked for first; halvings between two of different slopes."""

SAME, CLOSE, ALIKE = 1e-6, 1e-5, 1e-4
"""Relative difference of slopes that are one; share of the spread of log-odds by which the copy may be off; relative
difference of two jumps of one neuron: of exact slopes.
"""

ROUGH, BEYOND = 1e-4, 20.0
"""Median relative difference of neighbouring slopes from which they move, and below which it is rounding (of single
precision 1e-7 to 1e-5); differences of so many times as much are none.
"""

FAINT = 1e-12
"""Of the probability of the other class: below, the slope has too few digits."""


@dataclass(frozen=True)
class ExplainedNetwork:
    """Between two switches of its neurons a ReLU network with one hidden layer is linear, and the slope of an answer's
    probability, with that probability, is the slope of the log-odds: p (1 - p) times as steep.  Along random lines the
    places are bisected at which it jumps; each jump is a neuron's weights, the place its bias (Milli et al. 2019,
    section 3).  A linear or logistic model has no jump, and one explanation gives its weights.
    """

    card: ClassVar[Card] = Card(
        name="explained_network",
        title="Network from its explanations",
        family=Family.EXTRACTION,
        asset=Asset.PARAMETERS,
        paper="milli2019",
        equations="section 3",
        summary="finds linear models and ReLU networks with one hidden layer by the slopes that explain their answers",
        needs=Needs(Access.EXPLANATIONS),
        default=False,
        strength=0.9,
        differs="of two classes, whose log-odds are the one output; places are bisected by slopes alone",
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack; about 50 queries for each neuron on each of eight lines.  Raises Impossible beyond two classes,
        and where the copy does not explain further answers.
        """
        view.numeric(fine=True)
        if view.classes != 2:
            raise Impossible(f"it needs two classes, and this model has {view.classes}")
        slopes = _Slopes(view)
        neurons = _neurons(slopes, view)
        model = _together(slopes, neurons, view.low.size)
        copy = KinkedCopy(model, slopes.center, slopes.size, regression=False)
        z = view.rng.uniform(-1, 1, (CHECKS, view.low.size))
        own, wanted = model.value(z)[:, 1], slopes.at(z)[0]
        close = max(CLOSE, BEYOND * slopes.noise)
        if np.quantile(np.abs(own - wanted), 0.8) > close * max(float(np.ptp(wanted)), 1e-12):
            raise Impossible(
                "the slopes that explain its answers are not those of a ReLU network with one hidden layer, or rounded"
            )
        return ExtractionGuess(copy, stages=(CopyStage(view.target.queries, copy),))


class _Slopes:
    """Log-odds of the second class and their slopes, in coordinates in which every input reaches from -1 to 1."""

    def __init__(self, view: ExtractionView) -> None:
        self._view = view
        self.center = ((view.low + view.high) / 2).ravel()
        self.size = np.where(view.high > view.low, (view.high - view.low) / 2, 1.0).ravel()
        self.noise = 0.0

    def differing(self, each: Array) -> float:
        """From which difference two of these neighbouring slopes are of two pieces; Impossible where all move.

        Few neighbours have a switch between them, so that the median difference is what rounding makes.
        """
        steps = np.abs(np.diff(each, axis=0)).max(axis=1)
        scale = float(np.abs(each).max())
        noise = float(np.median(steps)) / scale if scale else 0.0
        if noise > ROUGH:
            raise Impossible("its slopes move everywhere: the model is no network of ReLU, or has too many neurons")
        self.noise = max(self.noise, noise)
        return max(SAME, BEYOND * noise) * scale

    def at(self, z: Array) -> tuple[Array, Array]:
        """[points], [points, inputs]; NaN where the model is too sure."""
        records = self._view.records(z * self.size + self.center)
        scores = self._view.target.log_scores(records)
        said = self._view.target.ask(Access.EXPLANATIONS, records)
        answer = scores.argmax(axis=1)
        both = np.exp(scores).prod(axis=1)
        sign = np.where(answer == 1, 1.0, -1.0)
        slope = np.where(both > FAINT, sign / np.maximum(both, FAINT), np.nan)[:, None] * said * self.size
        return scores[:, 1] - scores[:, 0], slope


def _neurons(slopes: _Slopes, view: ExtractionView) -> list[tuple[Array, float, float]]:
    """Of each jump that is not known yet: weights and bias, w z + b = 0 where it is, and the sign of the bend."""
    found: list[tuple[Array, float, float]] = []
    for _ in range(LINES):
        line = random_line(view.rng, view.low.size)
        t = np.linspace(-1.5, 1.5, PIECES)
        _, each = slopes.at(line.at(t))
        known = np.isfinite(each).all(axis=1)
        t, each = t[known], each[known]
        if len(each) < 2:
            continue
        least = slopes.differing(each)
        moved = np.abs(np.diff(each, axis=0)).max(axis=1) > least
        low, high = t[:-1][moved], t[1:][moved]
        left, right = each[:-1][moved], each[1:][moved]
        for _ in range(HALVINGS if len(low) else 0):
            middle = (low + high) / 2
            _, slope = slopes.at(line.at(middle))
            same = (np.abs(slope - left).max(axis=1) <= least)[:, None]
            left, right = np.where(same, slope, left), np.where(same, right, slope)
            low, high = np.where(same[:, 0], middle, low), np.where(same[:, 0], high, middle)
        for place, jump in zip((low + high) / 2, right - left, strict=True):
            w, b = jump, -float(jump @ line.at(np.array([place]))[0])
            if not any(_one(w, b, *other[:2], max(ALIKE, BEYOND * slopes.noise)) for other in found):
                found.append((w, b, float(np.sign(jump @ line.along))))
    return found


def _one(w: Array, b: float, other: Array, bias: float, alike: float) -> bool:
    """Whether two jumps are of one neuron: its weights up to sign."""
    mine, theirs = np.append(w, b), np.append(other, bias)
    gap = min(np.linalg.norm(mine - theirs), np.linalg.norm(mine + theirs))
    return bool(gap <= alike * np.linalg.norm(mine))


def _together(slopes: _Slopes, neurons: list[tuple[Array, float, float]], inputs: int) -> Kinked:
    """The bends, and the linear function that is left beside them in the middle; the first class stays at 0."""
    w = np.array([part[0] for part in neurons]).reshape(-1, inputs)
    b, sign = (np.array([part[k] for part in neurons], dtype=np.float64) for k in (1, 2))
    a = np.column_stack([np.zeros(len(neurons)), sign])
    bare = Kinked(w, b, a, np.zeros((2, inputs)), np.zeros(2))
    z = np.full((1, inputs), 0.0123)
    value, slope = slopes.at(z)
    bend = 0.5 * (np.sign(z @ w.T + b) * sign) @ w
    left = slope - bend
    offset = value - bare.bends(z)[:, 1] - (left * z).sum(axis=1)
    return Kinked(w, b, a, np.vstack([np.zeros(inputs), left]), np.array([0.0, float(offset[0])]))
