"""Inversion with a generator whose critic learned from the target (Chen et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.inversion.fredrikson_inversion import moveable, network_of
from divulge.attacks.reconstruction.inversion.gmi import PUBLIC
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import ClassGuess, ClassView


@dataclass(frozen=True)
class KedMi:
    """The critic learns the target's scores of public records and to tell further ones from generated ones; the
    generator, to have the critic's features of public records on average, and to be told apart by it (Chen et al. 2021,
    equations 2 to 4); and for each class a distribution of latent vectors is sought, of which the middle is handed in
    (equations 5 and 6).

    realism: weight of the critic, one hundredth of the score's in the paper.  starts, steps, rate: of the search.
    """

    realism: float = 0.01
    starts: int = 8
    steps: int = 200
    rate: float = 0.05

    card: ClassVar[Card] = Card(
        name="ked_mi",
        title="Knowledge-enriched inversion",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.CLASSES,
        paper="chen2021",
        equations="sections 3.1 and 3.2",
        summary="climbs the score of a class among images of a generator that was taught with the model's help",
        needs=Needs(Access.PARAMETERS, PUBLIC),
        seconds=90.0,
        differs="the networks are small and dense, without minibatch discrimination; the middle of the distribution is "
        "handed in, where the authors draw from it",
    )

    def run(self, view: ClassView) -> ClassGuess:
        """Cost: no query.  Raises Impossible for categories and for models other than networks."""
        moveable(view)
        from divulge.attacks.reconstruction.inversion.image_generator import generator_for
        from divulge.attacks.reconstruction.inversion.latent_search import search

        module, public = network_of(view), view.public
        probabilities = np.exp(view.target.log_scores(view.records(public.x)))
        generator = generator_for(public, view.low, view.high, told=probabilities)
        seed = int(view.rng.integers(2**31))
        settings = (self.starts, self.steps, self.rate)
        found = search(generator, module, view, *settings, realism=self.realism, seed=seed, spread=True)
        return ClassGuess(found)
