"""Another party's columns, solved for from the scores of joint records (Luo et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.linear_models import LinearModel, linear_model
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import SampleGuess
from divulge.core.views.vertical import JointView

STRAIGHT = 1e-6
"""By how much, of its range, what a pipeline makes of records may bend."""

RANK = 1e-9
"""Share of the largest singular value below which a direction of the other columns is not seen."""


@dataclass(frozen=True)
class FeatureEquations:
    """Differences of log-scores are linear in the record, so that what the own columns leave of them are equations in
    the other party's: classes - 1 of them, which are solved by the pseudo-inverse (Luo et al. 2021, equation solving
    attack).  Exact where there are no more unknown columns than equations; where there are more, the solution that is
    nearest to the middle of their ranges.
    """

    card: ClassVar[Card] = Card(
        name="feature_equations",
        title="Equations in another party's columns",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.COLUMNS,
        paper="luo2021",
        equations="equation solving attack",
        summary="solves the scores of a logistic regression for the columns that another party holds",
        needs=Needs(Access.JOINT_SCORES, frozenset({Knowledge.PARTIAL_RECORD})),
        uses=Access.PARAMETERS,
        strength=0.8,
        differs="of several solutions the one nearest to the middle of the ranges is taken, and kept within them, "
        "where the paper takes the shortest",
    )

    def run(self, view: JointView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for models that are no logistic regression, and for rounded scores."""
        slopes, offset = _straight(linear_model(view.target.parameters()), view)
        seen = slopes[list(view.other)]  # [other, equations]
        left = _differences(view.log_scores) - offset - view.known @ slopes[list(view.own)]
        if not np.isfinite(left).all():
            raise Impossible("some scores are zero or one: they were rounded, or cut, and cannot be solved")
        low, high = (edge.reshape(-1)[list(view.other)] for edge in (view.low, view.high))
        middle, width = (low + high) / 2, np.maximum(high - low, 1e-12)
        back = np.linalg.pinv(seen * width[:, None], rcond=RANK)
        shares = (left - middle @ seen) @ back
        rows = np.clip(middle + shares * width, low, high)
        sizes = np.linalg.svd(seen * width[:, None], compute_uv=False)
        rank = int((sizes > RANK * max(float(sizes.max()), 1e-300)).sum())
        told = f"{rank} of {len(view.other)} unknown columns are determined by {seen.shape[1]} equations a record"
        return SampleGuess(tuple(row[None] for row in rows), told=(told,))


def _differences(log_scores: Array) -> Array:
    """Of neighbouring classes: [records, classes - 1]."""
    return np.asarray(np.diff(np.asarray(log_scores, dtype=np.float64), axis=1))


def _straight(model: LinearModel, view: JointView) -> tuple[Array, Array]:
    """Slopes [columns, equations] and offset [equations] of these differences; Impossible where they are none."""
    if model.link == "identity":
        raise Impossible("it solves the scores of a logistic regression")
    low, high = view.low.reshape(-1), view.high.reshape(-1)
    width = np.where(high > low, high - low, 1.0)
    corners = np.vstack([low, low + np.diag(width), low + view.rng.random((3, len(low))) * width])
    out = model.prepared(corners) @ model.weights.T + model.bias
    steps = out if model.link == "sigmoid" else _differences(out)
    slopes = (steps[1 : len(low) + 1] - steps[0]) / width[:, None]
    offset = steps[0] - low @ slopes
    bend = np.abs(corners[-3:] @ slopes + offset - steps[-3:]).max()
    if bend > STRAIGHT * max(float(np.abs(steps).max()), 1.0):
        raise Impossible("what the pipeline makes of records is not linear in them")
    return slopes, offset
