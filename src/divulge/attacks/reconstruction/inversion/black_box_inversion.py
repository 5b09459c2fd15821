"""What a class looks like, from scores alone (Fredrikson et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.inversion.fredrikson_inversion import directions, moveable
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import ClassGuess, ClassView


@dataclass(frozen=True)
class BlackBoxInversion:
    """The same from scores alone: the gradient is estimated from differences along random directions (natural evolution
    strategies; Fredrikson et al. 2015, section 5, with numeric gradients), smooth ones where inputs are images.

    steps: of the ascent.  directions: two queries each, for every step and class.  width: of a difference, as a share
    of the range.  rate: of Adam.
    """

    steps: int = 150
    directions: int = 20
    width: float = 0.1
    rate: float = 0.05

    card: ClassVar[Card] = Card(
        name="black_box_inversion",
        title="Model inversion from scores",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.CLASSES,
        paper="fredrikson2015",
        equations="algorithm 1, with numeric gradients",
        summary="climbs the model's score of a class by asking about random changes",
        needs=Needs(Access.SCORES),
        strength=0.7,
    )

    def run(self, view: ClassView) -> ClassGuess:
        """Cost: 2 directions x steps queries for every class."""
        moveable(view)
        wanted = np.array(view.classes)
        share = np.full((len(wanted), *view.shape), 0.5)
        first, second = np.zeros_like(share), np.zeros_like(share)
        for step in range(1, self.steps + 1):
            slope = self._slope(view, share, wanted)
            first = 0.9 * first + 0.1 * slope
            second = 0.99 * second + 0.01 * slope**2
            move = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
            share = np.clip(share + self.rate * move, 0, 1)
        return ClassGuess(view.low + share * (view.high - view.low))

    def _slope(self, view: ClassView, share: Array, wanted: Array) -> Array:
        noise = directions(view, self.directions)
        tried = np.stack([share + self.width * noise[:, None], share - self.width * noise[:, None]])
        x = view.low + np.clip(tried, 0, 1) * (view.high - view.low)
        log_scores = view.target.log_scores(view.records(x.reshape(-1, *view.shape)))
        own = log_scores.reshape(2, self.directions, len(wanted), -1)[:, :, np.arange(len(wanted)), wanted]
        gain = (own[0] - own[1]) / (2 * self.width)
        return np.asarray(np.einsum("kc,k...->c...", gain, noise) / self.directions)
