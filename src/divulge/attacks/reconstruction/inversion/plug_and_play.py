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
    """Latent vectors that are surest of their class when cropped are where the search begins; they are moved so that
    the logits, brought to l1 length 1, come near the class in the Poincare ball, over random crops; and of the results
    that is taken which stays surest under strong crops (Struppek et al. 2022, section 3).

    candidates: latent vectors among which the starts are chosen.  starts, steps, rate: of the search.
    """

    candidates: int = 1_000
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
        differs="the generator is a small network taught on the public records here, not a StyleGAN taught elsewhere; "
        "starts are chosen by random crops, where the authors look at the middle and its mirror image; crops are not "
        "flipped, as digits and scans must not be; one image of each class is handed in, not fifty",
    )

    def run(self, view: ClassView) -> ClassGuess:
        """Cost: no query."""
        settings = self.starts, self.steps, self.rate
        return ClassGuess(latent_search(view, *settings, realism=0.0, candidates=self.candidates))
