"""What a class looks like, by climbing the model's score (Fredrikson et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import CODED
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import ClassGuess, ClassView

COARSE = 4
"""Noise of the black-box search is drawn on a grid as many times coarser than the image."""


def moveable(view: ClassView) -> None:
    """Raises Impossible for inputs that cannot be moved bit by bit."""
    if any(column.kind in CODED for column in view.schema.columns):
        raise Impossible("inputs that are categories cannot be moved along a gradient")


def network_of(view: ClassView) -> Any:
    """The target's module; raises Impossible where it is none of PyTorch's."""
    module = view.target.parameters()
    if not hasattr(module, "named_parameters"):
        raise Impossible("it climbs along the gradients of a network, and this model is none that PyTorch knows")
    return module.eval()


@dataclass(frozen=True)
class FredriksonInversion:
    """White-box: gradient ascent on the class's log-score from the middle of the range; images are kept smooth by their
    total variation (in place of the denoising of Fredrikson et al. 2015, algorithm 1), looked at with noise and moved
    by a pixel, so that what is found does not hang on single ones.

    total_variation: weight of the mean difference of neighbours.  steps, rate: of Adam.
    """

    total_variation: float = 0.3
    steps: int = 400
    rate: float = 0.05

    card: ClassVar[Card] = Card(
        name="fredrikson_inversion",
        title="Model inversion",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.CLASSES,
        paper="fredrikson2015",
        equations="algorithm 1 (MI-Face)",
        summary="climbs the model's score of a class to see what it looks like",
        needs=Needs(Access.PARAMETERS),
    )

    def run(self, view: ClassView) -> ClassGuess:
        """Cost: no query.  Raises Impossible for categories and for models other than networks."""
        moveable(view)
        from divulge.attacks.reconstruction.inversion.score_ascent import climb

        seed = int(view.rng.integers(2**31))
        return ClassGuess(climb(network_of(view), view, self.total_variation, self.steps, self.rate, seed))


def directions(view: ClassView, count: int) -> Array:
    """Random directions [count, ...] of unit size per input, constant over patches where records are images."""
    shape = view.shape
    if not view.schema.is_image or min(shape[-2:]) < 2 * COARSE:
        return np.asarray(view.rng.normal(size=(count, *shape)))
    height, width = (-(-side // COARSE) for side in shape[-2:])
    coarse = view.rng.normal(size=(count, *shape[:-2], height, width))
    fine = coarse.repeat(COARSE, axis=-2).repeat(COARSE, axis=-1)
    return np.asarray(fine[..., : shape[-2], : shape[-1]])
