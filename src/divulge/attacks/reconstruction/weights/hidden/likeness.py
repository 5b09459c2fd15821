"""Whether rows look like records of the population."""

from __future__ import annotations

import numpy as np

from divulge.attacks.reconstruction.weights.hidden.decodings import RecordForm
from divulge.core.errors import Impossible
from divulge.core.hashing import Array

USUAL, SLACK = 0.9, 1.5
"""Share of public records that have another one so near as rows must have one to look like records; how much farther
they may be."""

ALIKE = 0.1
"""Median distance, by that at which rows look like records, of two readings that are one."""

MOST = 2_000


class Likeness:
    """Rows look like records that are as near to one of the population as most of these are to each other."""

    def __init__(self, population: Array, form: RecordForm) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._low, self._width = form.low, np.where(form.high > form.low, form.high - form.low, 1.0)
        known = np.nan_to_num((population[:MOST] - self._low) / self._width)
        if len(known) < 3:
            raise Impossible("it needs three records of the population or more to know what one looks like")
        self._near = NearestNeighbors(n_neighbors=1).fit(known)
        own = self._near.kneighbors(known, n_neighbors=2)[0][:, 1]
        self._far = SLACK * float(np.quantile(own, USUAL))

    def same(self, rows: Array, other: Array) -> bool:
        """Whether two readings are of the same records, but for rounding."""
        n = min(len(rows), len(other))
        return bool(np.median(np.linalg.norm((rows[:n] - other[:n]) / self._width, axis=1)) < ALIKE * self._far)

    def new(self, row: Array, found: Array) -> bool:
        """Whether a record is farther from those found [n, inputs] than from the population: what nobody taught a model
        is answered as what is next to it.
        """
        if not len(found):
            return True
        own = np.linalg.norm((row - found) / self._width, axis=1).min()
        return bool(own > self._near.kneighbors(((row - self._low) / self._width)[None])[0][0, 0])

    def looks(self, rows: Array) -> Array:
        """Bool [rows]"""
        with np.errstate(invalid="ignore", over="ignore"):
            shares = (rows - self._low) / self._width
        sound: Array = np.asarray(np.isfinite(shares).all(axis=1))
        sound &= np.asarray((np.abs(np.nan_to_num(shares)) < 10).all(axis=1))
        near = np.zeros(len(rows), dtype=bool)
        if sound.any():
            near[sound] = self._near.kneighbors(np.asarray(shares)[sound])[0][:, 0] <= self._far
        told = np.nan_to_num(np.where(sound[:, None], shares, 0))
        near &= told.max(axis=1) > told.min(axis=1)  # not one value throughout
        return near
