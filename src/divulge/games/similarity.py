"""Figures of similarity that reports of generators print, and what they miss.  They are shown and decide nothing.

Distances to the closest record and their ratios beside those of people who were not there, as SDMetrics and others have
them; that they mislead show Ganev and De Cristofaro 2023.
"""

from __future__ import annotations

import numpy as np

from divulge.core.hashing import Array
from divulge.core.mixed.space import Space, nearest
from divulge.core.records import Records
from divulge.core.wording import percent

MISSED = "they are averages, which hide the few who are exposed, and a table that leaks can be made to have good ones"
LOWEST = 0.05
"""Share of the people whose distance the report's usual fifth percentile is."""


def closest(asked: Records, rows: Records) -> tuple[Array, Array]:
    """Distance of each record to the closest row, and that distance as a share of the one to the second [records each].

    Of two equal rows the share is 1, since nobody is told from the other.
    """
    space = Space.around(asked)
    apart = nearest(space.points(asked), space.points(rows), 2)
    second = apart[:, -1]
    return apart[:, 0], np.where(second > 0, apart[:, 0] / np.where(second > 0, second, 1.0), 1.0)


def not_evidence(asked: Records, people: int, rows: Records) -> str:
    """The usual figures in words.  asked: people of the training set first, so many, then others."""
    distance, ratio = closest(asked, rows)
    inside, outside = np.arange(len(asked)) < people, np.arange(len(asked)) >= people
    nearer = float((distance[inside] < distance[outside][:people]).mean())
    low = [np.quantile(distance[side], LOWEST) for side in (inside, outside)]
    figures = [
        f"median distance to the closest row {np.median(distance[inside]):.3g} of training rows, "
        f"{np.median(distance[outside]):.3g} of others (DCR)",
        f"its fifth percentile {low[0]:.3g} and {low[1]:.3g}",
        f"closest by second {np.median(ratio[inside]):.3g} and {np.median(ratio[outside]):.3g} (NNDR, median)",
        f"training rows nearer than the other they are compared with: {percent(nearer)}",
    ]
    return f"not evidence: {'; '.join(figures)}; {MISSED}"
