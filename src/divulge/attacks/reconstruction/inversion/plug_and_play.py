"""Inversion among generated images that is robust to how they are moved (Struppek et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.reconstruction.inversion.gmi import PUBLIC, latent_search
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import ClassGuess, ClassView


@dataclass(frozen=True)
class PlugAndPlay:
    """The same with the Poincare distance in place of the score and over moved images, and the start that stays best
    when it is moved about (Struppek et al. 2022, section 3).

    starts, steps, rate: of the search.
    """

    starts: int = 16
    steps: int = 200
    rate: float = 0.05

    card: ClassVar[Card] = Card(
        name="plug_and_play",
        title="Plug-and-play inversion",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.CLASSES,
        paper="struppek2022",
        equations="section 3",
        summary="looks for generated images that are of a class however they are moved",
        needs=Needs(Access.PARAMETERS, PUBLIC),
        strength=1.0,
        seconds=60.0,
    )

    def run(self, view: ClassView) -> ClassGuess:
        """Cost: no query."""
        return ClassGuess(latent_search(view, self.starts, self.steps, self.rate, realism=0.0, robust=True))
