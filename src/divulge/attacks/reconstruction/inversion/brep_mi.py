"""Inversion from labels alone, by boundary repulsion (Kahla et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.reconstruction.inversion.fredrikson_inversion import moveable
from divulge.attacks.reconstruction.inversion.gmi import PUBLIC
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import ClassGuess, ClassView

LONGEST, FARTHEST = 3.0, 3.0
"""Length of a step, and of a coordinate of a latent vector, in its deviations."""


@dataclass(frozen=True)
class BrepMi:
    """From labels alone: a latent vector is moved away from where, on a sphere around it, the label is another, and
    never out of its class; the sphere grows once enough of it has the right one (Kahla et al. 2022, algorithm 1).

    steps: at most, for each class.  around: points on the sphere.  radius, growth: of the sphere, which grows where
    more than `inside` of its points are of the class.  first: latent vectors that are asked about to find a start for
    each class.
    """

    steps: int = 120
    around: int = 24
    radius: float = 1.0
    growth: float = 1.3
    inside: float = 0.75
    first: int = 2_000

    card: ClassVar[Card] = Card(
        name="brep_mi",
        title="Label-only inversion",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.CLASSES,
        paper="kahla2022",
        equations="algorithm 1",
        summary="moves generated images away from the boundary of a class, which it finds by labels",
        needs=Needs(Access.LABEL, PUBLIC),
        differs="the sphere grows at three quarters of its points, as in the authors' code, where the paper asks for "
        "all; a class has 120 steps, where the authors give up after 1,000 that bring no larger sphere; the generator "
        "is a small network",
    )

    def run(self, view: ClassView) -> ClassGuess:
        """Cost: first queries, and up to steps x (around + 1) for each class.  Raises Impossible without a start."""
        moveable(view)
        from divulge.attacks.reconstruction.inversion.image_generator import generator_for

        generator: Any = generator_for(view.public, view.low, view.high)
        drawn = view.rng.normal(size=(self.first, generator.size))
        labels = view.target.labels(view.records(generator.images(drawn)))
        found: list[Array] = []
        missing = 0
        for code in view.classes:
            own = drawn[labels == code]
            missing += len(own) == 0
            found.append(self._repelled(view, generator, own[0], code) if len(own) else generator.images(drawn[:1])[0])
        if missing == len(view.classes):
            raise Impossible(
                "no generated image is of any class: give public records that are more like the private ones"
            )
        return ClassGuess(np.stack(found))

    def _repelled(self, view: ClassView, generator: Any, latent: Array, code: int) -> Array:
        """The last centre of a sphere that grew; where none did, the last point, which is of the class."""
        radius, best = self.radius, None
        for _ in range(self.steps):
            away = view.rng.normal(size=(self.around, latent.size))
            away /= np.linalg.norm(away, axis=1, keepdims=True)
            right = self._of(view, generator, latent + radius * away, code)
            step = min(radius / 3, LONGEST)
            if right.mean() > self.inside:
                best, radius = latent, radius * self.growth
            moved = latent + step * (np.where(right[:, None], 0.0, -1.0) * away).mean(axis=0)
            moved = moved.clip(-FARTHEST, FARTHEST)
            if self._of(view, generator, moved[None], code)[0]:
                latent = moved
        return np.asarray(generator.images((latent if best is None else best)[None])[0])

    @staticmethod
    def _of(view: ClassView, generator: Any, latent: Array, code: int) -> Array:
        return np.asarray(view.target.labels(view.records(generator.images(latent))) == code)
