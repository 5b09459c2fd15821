"""Images that a generator makes again and again (Carlini et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.mixed.space import Space, neighborhood
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.release import ReleaseView, RowsGuess

AROUND = 50
"""Nearest others that say what is usual around an image, as in the paper."""


@dataclass(frozen=True)
class ImageCliques:
    """Makes many images, and takes those for copies that are made again and again: of each clique of images that lie
    close to each other, the one with most others around it.

    times: as many images as were trained on are made so often.  clique: images in one, at least.  closer: how much
    closer than usual, than the 50 nearest on average, the others of a clique are.
    """

    times: int = 8
    clique: int = 3
    closer: float = 0.5

    card: ClassVar[Card] = Card(
        name="image_cliques",
        title="Images made again and again",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.COPIED,
        paper="carlini2023b",
        equations="sections 4.2 and 5.1, cliques of generations",
        summary="makes many images and takes those for training images that come again and again",
        needs=Needs(Access.SAMPLES, tasks=frozenset(Task)),
        strength=0.5,
        default=False,
        differs="distances of pixels and no tiles, and closeness by the images around, since pictures here are small",
    )

    def run(self, view: ReleaseView) -> RowsGuess:
        """Cost: the samples, and a distance for each pair of them.  Raises Impossible for what is no image, and where
        nothing came again.
        """
        if not view.schema.is_image:
            raise Impossible("cliques are looked for among images: for tables there is copied_rows")
        table = view.table(self.times * view.size)
        points = Space.around(table).points(table)
        apart, which = neighborhood(points, points, min(AROUND + 1, len(points)))
        kept = _medoids(apart[:, 1:], which[:, 1:], self.closer, self.clique)
        if not len(kept):
            raise Impossible(f"no image came {self.clique} times among {len(points):,}")
        return RowsGuess(table.take(kept))


def _medoids(apart: Array, which: Array, closer: float, clique: int) -> Array:
    """Places of the images with most others close to them, of each clique one.  apart, which: the nearest others."""
    close = apart <= closer * apart.mean(axis=1, keepdims=True)
    count, left, kept = close.sum(axis=1), np.ones(len(apart), dtype=bool), []
    for place in np.argsort(-count, kind="stable").tolist():
        if count[place] + 1 < clique:
            break
        if left[place]:
            kept.append(place)
            left[which[place, close[place]]] = False
    return np.array(kept, dtype=np.int64)
