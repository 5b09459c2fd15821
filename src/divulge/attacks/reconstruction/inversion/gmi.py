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
    4), from several starts; the best by the model's score is taken.  The generator is taught to make images that the
    target sees as different where latent vectors are (equation 3).

    realism: weight of the discriminator.  diversity: of that difference while the generator is taught.
    starts, steps, rate: of the search.
    """

    realism: float = 0.1
    diversity: float = 0.5
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
        equations="equations 3 and 4",
        summary="climbs the score of a class among images that a generator makes",
        needs=Needs(Access.PARAMETERS, PUBLIC),
        seconds=60.0,
        differs="the generator is a small dense network with the non-saturating loss, not convolutions with "
        "Wasserstein distance; latent vectors are moved by Adam, not by momentum; features are what enters "
        "the target's last layer",
    )

    def run(self, view: ClassView) -> ClassGuess:
        """Cost: no query."""
        settings = self.starts, self.steps, self.rate
        return ClassGuess(latent_search(view, *settings, realism=self.realism, diversity=self.diversity))


def latent_search(
    view: ClassView,
    starts: int,
    steps: int,
    rate: float,
    *,
    realism: float,
    diversity: float = 0.0,
    candidates: int = 0,
) -> Array:
    """One generated image of each class, see generator.search."""
    moveable(view)
    from divulge.attacks.reconstruction.inversion.image_generator import generator_for
    from divulge.attacks.reconstruction.inversion.latent_search import search

    module = network_of(view)
    seed = int(view.rng.integers(2**31))
    generator = generator_for(view.public, view.low, view.high, apart=(module, diversity) if diversity else None)
    return search(generator, module, view, starts, steps, rate, realism=realism, candidates=candidates, seed=seed)
