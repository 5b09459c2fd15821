"""Inversion among the images that a generator knows, which learned on public records of other classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.reconstruction.inversion.fredrikson_inversion import moveable, network_of
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import ClassGuess, ClassView

PUBLIC = frozenset({Knowledge.PUBLIC})


@dataclass(frozen=True)
class Gmi:
    """Latent vectors that are realistic to the discriminator and score high for the class (Zhang et al. 2020, equation
    4), from several starts; the best by the model's score is taken.

    realism: weight of the discriminator.  starts, steps, rate: of the search.
    """

    realism: float = 0.1
    starts: int = 8
    steps: int = 200
    rate: float = 0.05

    card: ClassVar[Card] = Card(
        name="gmi",
        title="Generative inversion",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.CLASSES,
        paper="zhang2020",
        equations="equation 4",
        summary="climbs the score of a class among images that a generator makes",
        needs=Needs(Access.PARAMETERS, PUBLIC),
        seconds=60.0,
    )

    def run(self, view: ClassView) -> ClassGuess:
        """Cost: no query."""
        return ClassGuess(latent_search(view, self.starts, self.steps, self.rate, realism=self.realism, robust=False))


def latent_search(view: ClassView, starts: int, steps: int, rate: float, *, realism: float, robust: bool) -> Array:
    """One generated image of each class, see generator.search."""
    moveable(view)
    from divulge.attacks.reconstruction.inversion.image_generator import generator_for, search

    module = network_of(view)
    seed = int(view.rng.integers(2**31))
    generator = generator_for(view.public, view.low, view.high)
    return search(generator, module, view, starts, steps, rate, realism=realism, robust=robust, seed=seed)
