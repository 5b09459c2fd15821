"""Label-only: how far does the record lie from the decision boundary? (Li and Zhang 2021, Choquette-Choo 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import CODED, Records
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

HALVINGS = 12
TRIES = 6
"""Random directions at each of six lengths, to find a point of another label to begin with."""

MOST_AT_ONCE = 20_000


@dataclass(frozen=True)
class BoundaryDistance:
    """The Euclidean distance, in standard deviations of each column, to the nearest point with another label, found
    by HopSkipJump (Chen et al. 2020, algorithm 2), which both papers use.  A record that is labelled wrongly has
    distance 0.  Categories are left as they are.

    steps: of the search.  directions: tried at each step to estimate where the boundary faces.
    """

    steps: int = 8
    directions: int = 40

    card: ClassVar[Card] = Card(
        name="boundary_distance",
        title="Distance to the boundary (label only)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="li2021",
        equations="section 4.2; HopSkipJump, algorithm 2",
        summary="measures how much a record must change before its label does",
        needs=Needs(Access.LABEL),
        queries_per_record=540.0,
        alters=True,
        strength=0.8,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: about steps (directions + 15) + 30 queries a record."""
        candidates = view.candidates
        right = view.target.labels(candidates) == candidates.y
        distance = np.zeros(len(candidates))
        where = np.flatnonzero(right)
        together = max(1, MOST_AT_ONCE // self.directions)
        for start in range(0, len(where), together):
            part = where[start : start + together]
            distance[part] = Search(view, candidates.take(part), candidates).distances(self.steps, self.directions)
        return MembershipGuess(distance)


class Search:
    """HopSkipJump for several records side by side, in coordinates where every free column has deviation 1."""

    def __init__(self, view: MembershipView, records: Records, everybody: Records) -> None:
        self._view, self._records = view, records
        spread = everybody.flat().std(axis=0)
        if records.schema.is_image:
            spread = np.full_like(spread, everybody.flat().std())
        categorical = [c.kind in CODED for c in records.schema.columns]
        free = spread > 0
        if len(categorical) == len(free):
            free &= ~np.array(categorical)
        self._scale = np.where(free, spread, 0.0)
        self._origin = records.flat()
        self._holes = np.isnan(np.asarray(records.x, dtype=np.float64).reshape(self._origin.shape))
        self._free = free

    def distances(self, steps: int, directions: int) -> Array:
        """Distances [records]; infinity where no other label was found becomes the largest that was."""
        offset, found = self._start()
        offset = self._to_boundary(offset, found)
        for step in range(1, steps + 1):
            length = np.linalg.norm(offset, axis=1, keepdims=True)
            towards = self._facing(offset, 0.1 * length / np.sqrt(step), directions)
            offset = self._to_boundary(self._leap(offset, towards, length / np.sqrt(step), found), found)
        length = np.linalg.norm(offset, axis=1)
        return np.where(found, length, length[found].max() if found.any() else 0.0)

    def _other_label(self, offset: Array) -> Array:
        """Whether the records moved by offset [records, ...] (in deviations) have another label; any leading shape."""
        lead, count = offset.shape[:-1], len(self._origin)
        copies = int(np.prod(lead)) // count
        flat = np.tile(self._origin, (copies, 1)) + offset.reshape(-1, offset.shape[-1]) * self._scale
        flat[np.tile(self._holes, (copies, 1))] = np.nan  # what is missing stays so
        x = flat.reshape(-1, *self._records.x.shape[1:]).astype(self._records.x.dtype)
        y = np.tile(self._records.y, copies)
        moved = Records(x, y, self._records.schema).settled()
        return np.asarray(self._view.target.labels(moved) != y).reshape(lead)

    def _start(self) -> tuple[Array, Array]:
        """Offsets to points of another label: growing random noise, as the algorithm begins."""
        offset = np.zeros_like(self._origin)
        found = np.zeros(len(offset), dtype=bool)
        for level in (0.5, 1, 2, 4, 8, 16):
            for _ in range(TRIES):
                drawn = level * self._view.rng.normal(size=offset.shape) * self._free
                hit = self._other_label(drawn) & ~found
                offset[hit] = drawn[hit]
                found |= hit
            if found.all():
                break
        return offset, found

    def _to_boundary(self, offset: Array, found: Array) -> Array:
        """Halve the way back until the label changes: points just beyond the boundary."""
        low, high = np.zeros(len(offset)), np.ones(len(offset))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            beyond = self._other_label(offset * middle[:, None])
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return np.where(found[:, None], offset * high[:, None], offset)

    def _facing(self, offset: Array, radius: Array, directions: int) -> Array:
        """Unit vectors across the boundary, away from the record (eq. 9 of HopSkipJump, with its baseline)."""
        drawn = self._view.rng.normal(size=(directions, *offset.shape)) * self._free
        drawn /= np.maximum(np.linalg.norm(drawn, axis=-1, keepdims=True), 1e-12)
        beyond = np.where(self._other_label(offset + radius * drawn), 1.0, -1.0)
        centered = beyond - beyond.mean(axis=0)
        same = np.abs(beyond.mean(axis=0)) == 1
        weights = np.where(same, beyond, centered)
        towards = (weights[..., None] * drawn).mean(axis=0)
        return np.asarray(towards / np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-12))

    def _leap(self, offset: Array, towards: Array, size: Array, found: Array) -> Array:
        """As far along `towards` as stays beyond the boundary, halving the step where it does not."""
        best = offset.copy()
        waiting = found.copy()
        for _ in range(6):
            if not waiting.any():
                break
            tried = offset + size * towards
            beyond = self._other_label(tried) & waiting
            best[beyond] = tried[beyond]
            waiting &= ~beyond
            size = size / 2
        return best
