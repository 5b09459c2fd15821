"""Summaries of whole tables (Stadler et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.generator import RECIPE, Signals, signals_of
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.mixed.space import Space
from divulge.core.records import Records
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView

BINS = 10


def groundhog_features(table: Records, space: Space) -> Array:
    """What Stadler et al. read off a table: mean, median and variance of every axis (naive), the share of every bin
    (histogram), and the correlation of every two columns: one vector.
    """
    points = space.points(table)
    coded = np.stack([_level(column) for column in np.nan_to_num(table.x.reshape(len(table), -1)).T], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        together = np.nan_to_num(np.corrcoef(coded, rowvar=False)) if coded.shape[1] > 1 else np.zeros((1, 1))
    upper = together[np.triu_indices(len(together), 1)]
    shares = [np.histogram(column, bins=BINS, range=(-3, 3))[0] / len(points) for column in points.T]
    naive = [points.mean(axis=0), np.median(points, axis=0), points.var(axis=0)]
    return np.concatenate([*naive, *shares, upper])


def _level(column: Array) -> Array:
    """Ranks, which no unit moves."""
    return np.argsort(np.argsort(column, kind="stable"), kind="stable").astype(np.float64)


@dataclass(frozen=True)
class Groundhog:
    """For every record a classifier of its own, which learns from summaries of whole tables whether the record was
    behind one (Stadler et al. 2022).  Here the generators are shared by all records, so that a few dozen do for all;
    where the paper trains as many for each record, it finds more.

    shadows: generators, half of which saw each record.  penalty: of the ridge regression, in mean squared norms.
    """

    shadows: int = 16
    samples: int | None = None
    penalty: float = 1.0

    card: ClassVar[Card] = Card(
        name="groundhog",
        title="Summaries of whole tables (Groundhog)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="stadler2020",
        equations="section 4, naive, histogram and correlation features",
        summary="learns from means, shares and correlations of whole tables who was behind them",
        needs=RECIPE,
        models=4,
        strength=0.4,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, once of the release and of each generator."""
        space = Space.around(view.candidates)

        def read(table: Records) -> Array:
            return groundhog_features(table, space)[None]

        return MembershipGuess(by_summary(signals_of(view, self.shadows, self.samples, read), self.penalty))


def by_summary(signals: Signals, penalty: float) -> Array:
    """Ridge regression of who was seen on summaries of tables, one for each record and all at once: [candidates].

    signals: of one row each, the summary.
    """
    own, target = signals.shadows[:, 0], signals.target[0]
    middle, spread = own.mean(axis=0), own.std(axis=0)
    moving = spread > 1e-9 * (1 + np.abs(middle))
    inputs, asked = (own - middle)[:, moving] / spread[moving], ((target - middle)[moving] / spread[moving])
    kernel = inputs @ inputs.T
    size = float(np.trace(kernel)) / len(kernel) or 1.0
    truth = signals.seen - signals.seen.mean(axis=0)
    weights = np.linalg.solve(kernel + penalty * size * np.eye(len(kernel)), inputs @ asked)
    return np.asarray(weights @ truth)
