"""The way back from activations, learned on public records (He et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.activations.activation_inversion import BOTH, flat
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import ActivationView, SampleGuess


@dataclass(frozen=True)
class ActivationDecoder:
    """Black-box: a network learns the way back on public records, whose activations the front is asked for (He et al.
    2019, section 4.2; Song and Raghunathan 2020 for embeddings).

    width: of its hidden layer.  epochs: over the public records.
    """

    width: int = 512
    epochs: int = 40

    card: ClassVar[Card] = Card(
        name="activation_decoder",
        title="Decoding activations",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.ACTIVATIONS,
        paper="he2019",
        equations="section 4.2",
        summary="learns on public records how to turn intermediate results back into inputs",
        needs=Needs(Access.ACTIVATIONS, frozenset({Knowledge.POPULATION}), tasks=BOTH),
    )

    def run(self, view: ActivationView) -> SampleGuess:
        """Cost: one query of the front for each public record.  Raises Impossible where there are fewer than 50."""
        from divulge.attacks.reconstruction.decoder import decoded

        public = view.population
        if len(public) < 50:
            raise Impossible("it learns from public records, and there are fewer than 50")
        width = np.where(view.high > view.low, view.high - view.low, 1.0)
        wanted = ((public.x - view.low) / width).reshape(len(public), -1)
        given, asked = (flat(part) for part in (view.embed(public.x), view.activations))
        seed = int(view.rng.integers(2**31))
        shares = decoded(given, wanted, asked, width=self.width, epochs=self.epochs, seed=seed)
        records = view.low + shares.reshape(-1, *view.shape) * width
        return SampleGuess(tuple(record[None] for record in records))
