"""Which training images a generator gives away, nearly (Carlini et al. 2023, Extracting training data from diffusion
models, section 5.1).
"""

from __future__ import annotations

import numpy as np

from divulge.core.hashing import Array
from divulge.core.mixed.space import Space, neighborhood
from divulge.core.records import Records

CLOSER, AROUND = 0.5, 50
"""How much closer than the mean of so many nearest images a copy's original is, as in the paper."""


def nearly_copied(asked: Records, rows: Records) -> Array:
    """Which images are the original of one that was made: 0 or 1 [asked].

    A made image is a copy of the nearest image that is asked about where that is at most half as far (in pixels) as the
    50 nearest are on average; members and others are asked about alike.  Where fewer are asked about, of a quarter.
    """
    space = Space.around(asked)
    there = space.points(asked)
    around = max(2, min(AROUND, len(asked) // 4))
    apart, which = neighborhood(space.points(rows), there, around)
    copies = apart[:, 0] <= CLOSER * apart.mean(axis=1)
    found = np.zeros(len(asked))
    found[which[copies, 0]] = 1.0
    return found
