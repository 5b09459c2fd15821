"""The difference of two ROC curves with a band that holds everywhere at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array, derived_rng
from divulge.core.results.trials import Scored
from divulge.stats.comparison.linked import Linked

POINTS = 48
DRAWS = 400
FEWEST = 10
"""Others above the lowest false positive rate that is drawn: below it the bootstrap knows too little."""


@dataclass(frozen=True, eq=False)
class RocBand:
    """Two ROC curves on one grid of false positive rates [points], their difference, and a band around that."""

    fpr: Array
    before: Array
    now: Array
    low: Array
    high: Array

    @property
    def difference(self) -> Array:
        """True positive rates now less those before."""
        return self.now - self.before


def roc_difference(pair: Linked, confidence: float, seed: int = 0) -> RocBand:
    """Persons are drawn with replacement, those in both sets together, members and others apart (paired bootstrap;
    Efron and Tibshirani 1993, chapter 8).  The band is as many standard errors wide as hold the whole curve in a share
    `confidence` of the draws (sup-t; Montiel Olea and Plagborg-Moller 2019), and never narrower than one member and one
    other are worth.
    """
    fewest = min(pair.before.n_control, pair.now.n_control)
    lowest = min(0.5, FEWEST / fewest)
    fpr = np.geomspace(lowest, 1.0, POINTS + 1)[:-1]
    rng = derived_rng(seed, "band of a difference")
    sides = [_Curve(pair.before), _Curve(pair.now)]
    curves = [side.at(np.ones(len(side.order)), fpr) for side in sides]
    drawn = np.empty((DRAWS, POINTS))
    for place in range(DRAWS):
        first, second = _weights(pair, rng)
        drawn[place] = sides[1].at(second, fpr) - sides[0].at(first, fpr)
    least = 1 / min(pair.before.n_exposed, pair.now.n_exposed) + 1 / fewest
    error = np.hypot(drawn.std(axis=0, ddof=1), least)
    middle = curves[1] - curves[0]
    reach = float(np.quantile((np.abs(drawn - drawn.mean(axis=0)) / error).max(axis=1), confidence))
    reach = max(reach, 1.96)
    return RocBand(
        fpr,
        curves[0],
        curves[1],
        np.maximum(middle - reach * error, -1.0),
        np.minimum(middle + reach * error, 1.0),
    )


class _Curve:
    """Trials in descending order of their scores."""

    def __init__(self, evidence: Scored) -> None:
        ranks = evidence.ranks()
        self.order = np.argsort(-ranks, kind="stable")
        ordered = ranks[self.order]
        self.exposed = evidence.exposed[self.order]
        self.ends = np.flatnonzero(np.append(np.diff(ordered) != 0, True))

    def at(self, weights: Array, fpr: Array) -> Array:
        """True positive rates at these false positive rates, ties broken at random (straight lines between points)."""
        ordered = weights[self.order]
        inside = np.cumsum(ordered * self.exposed)[self.ends]
        outside = np.cumsum(ordered * ~self.exposed)[self.ends]
        x = np.append(0.0, outside / outside[-1])
        y = np.append(0.0, inside / inside[-1])
        last = np.append(np.diff(x) > 0, True)  # of points above each other the highest
        return np.asarray(np.interp(fpr, x[last], y[last]))


def _weights(pair: Linked, rng: np.random.Generator) -> tuple[Array, Array]:
    """How often each trial of both sets is drawn; who is in both is drawn equally often in both."""
    first = _counts(pair.before.exposed, rng)
    second = _counts(pair.now.exposed, rng)
    both = np.flatnonzero(pair.partner >= 0)
    second[both] = first[pair.partner[both]]
    for weights, side in ((second, pair.now.exposed), (second, ~pair.now.exposed)):
        if not weights[side].any():
            weights[side] = 1.0
    return first, second


def _counts(exposed: Array, rng: np.random.Generator) -> Array:
    rates = np.empty(len(exposed))
    for side in (exposed, ~exposed):
        n = int(side.sum())
        rates[side] = np.bincount(rng.integers(0, n, n), minlength=n)
    return rates
