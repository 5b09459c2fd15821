"""A network that learns to turn scores back into inputs (Yang et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.inversion.fredrikson_inversion import moveable
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import ClassGuess, ClassView


@dataclass(frozen=True)
class InversionNetwork:
    """Learned on public records of other classes, from what the model says of them, truncated to its highest scores;
    then asked what gives the class's score alone (Yang et al. 2019, section 4).

    kept: scores that are not set to the floor.  width, epochs: of the network.
    """

    kept: int = 3
    width: int = 512
    epochs: int = 40

    card: ClassVar[Card] = Card(
        name="inversion_network",
        title="Inversion network",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.CLASSES,
        paper="yang2019",
        equations="section 4 (background knowledge and truncation)",
        summary="learns on public records how scores turn back into inputs",
        needs=Needs(Access.SCORES, frozenset({Knowledge.PUBLIC})),
    )

    def run(self, view: ClassView) -> ClassGuess:
        """Cost: one query for each public record."""
        moveable(view)
        from divulge.attacks.reconstruction.decoder import decoded

        public = view.public
        width = np.where(view.high > view.low, view.high - view.low, 1.0)
        shares = np.clip((public.x - view.low) / width, 0, 1).reshape(len(public), -1)
        given = np.maximum(view.target.log_scores(view.records(public.x)), np.log(1e-4))
        floor = np.sort(given, axis=1)[:, -min(self.kept, given.shape[1]) :][:, :1]
        given = np.where(given >= floor, given, np.log(1e-4))
        asked = np.full((len(view.classes), given.shape[1]), np.log(1e-4))
        asked[np.arange(len(asked)), list(view.classes)] = 0.0
        seed = int(view.rng.integers(2**31))
        rebuilt = decoded(given, shares, asked, width=self.width, epochs=self.epochs, seed=seed)
        return ClassGuess(view.low + rebuilt.reshape(-1, *view.shape) * width)
