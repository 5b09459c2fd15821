"""How likely a record makes the whole table, by kernels of the width that fits the table best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.synthetic.local_likelihood import REAL
from divulge.attacks.membership.synthetic.release import released
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.mixed.space import log_density, squared_distances, width_of
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView

WIDTHS = np.geomspace(0.25, 16, 19)
"""In units of half the distance between neighbours in the table, which in many columns is wider than the noise."""

MOST = 2_000
"""Rows, and candidates, by which the width is chosen."""


@dataclass(frozen=True)
class KernelLikelihood:
    """By how much the table is likelier if the record was one of n kernels that it is drawn from, and the others are as
    the population is, over all rows s: sum log((n - 1 + K(s, x) / p(s)) / n).

    The width of the kernels is the one that makes the table likeliest with a kernel at every candidate, half of whom
    are members.  It is the best there is where a generator puts noise on its rows.  p(s) is by kernels at public
    records, of the width that makes the table likeliest with those: with the narrow ones of the generator a row that is
    far from the few public records would weigh as much as all others.
    """

    samples: int | None = None

    card: ClassVar[Card] = Card(
        name="kernel_likelihood",
        title="Likelihood of the table, kernels that fit it",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="ward2025",
        equations="section 3.2, likelihood ratio",
        summary="asks how much likelier the whole table is if a kernel stands at the record",
        needs=REAL,
        strength=0.6,
        differs="all rows count and not the nearest ones, and the width is fitted with kernels at the candidates",
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: the samples, and a distance for each candidate and row, and for some of them at nineteen widths."""
        seen = released(view, self.samples)
        width = fitted_width(seen.candidates[view.rng.permutation(len(seen.candidates))[:MOST]], seen.table[:MOST])
        public = seen.population(view)
        wide = max(width, fitted_width(public[:MOST], seen.table[:MOST]))
        scale = public.shape[1] * np.log(wide / width)
        density = log_density(seen.table, public, wide) - scale
        count, found = len(seen.table), np.empty(len(seen.candidates))
        for rows, apart in squared_distances(seen.candidates, seen.table):
            kernel = apart / (-2 * width**2) - density[None]
            gained = np.logaddexp(np.log(max(count - 1, 1)), np.minimum(kernel, 700)) - np.log(max(count, 2))
            found[rows] = gained.sum(axis=1)
        return MembershipGuess(found)


def fitted_width(points: Array, table: Array) -> float:
    """The width among a few that makes the table [rows, axes] likeliest, drawn from kernels at the points."""
    least = width_of(table)
    likely = [log_density(table, points, least * each).sum() - table.size * np.log(least * each) for each in WIDTHS]
    return float(least * WIDTHS[int(np.argmax(likely))])
