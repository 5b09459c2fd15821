"""Training records out of the weights alone: a network trained long enough is a sum over its own training records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.reconstruction import FileScene, SampleGuess
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs


@dataclass(frozen=True)
class Kkt:
    """Gradient descent on the logistic loss ends in a direction that is stationary for the largest margin: the weights
    are sum_i lambda_i grad margin(x_i), lambda_i >= 0.  Records and multipliers are sought that fulfil this (Haim et
    al. 2022, equation 7; Buzaglo et al. 2023 for several classes).

    candidates: records that are sought, of each class as many.  kept: those with the largest multipliers are handed in,
    the others are what is left over.  steps, rate: of Adam.  least: lambda is at least that.
    """

    candidates: int = 1_000
    kept: int = 10
    steps: int = 6_000
    rate: float = 0.06
    least: float = 0.0

    card: ClassVar[Card] = Card(
        name="kkt",
        title="Records in the weights",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.FILE,
        paper="haim2022",
        equations="equation 7",
        summary="looks for records of which the network's weights are a weighted sum of gradients",
        needs=Needs(Access.PARAMETERS, frozenset({Knowledge.POPULATION})),
        default=False,
    )

    def run(self, scene: FileScene) -> SampleGuess:
        """Cost: no query.  Raises Impossible where the model is no network of PyTorch, or has categories as inputs."""
        module: Any = scene.target.parameters()
        if not hasattr(module, "named_parameters"):
            raise Impossible("it reads the weights of a network, and this model is none that PyTorch knows")
        from divulge.attacks.reconstruction.stationary import solve

        seed = int(scene.rng.integers(2**31))
        middle = scene.population.x.astype(np.float64).mean(axis=0)
        settings = (self.candidates, self.steps, self.rate, self.least)
        records, left = solve(module, scene, middle, seed, *settings)
        return SampleGuess((records[: self.kept],), told=(f"{left:.0%} of the weights stay unexplained",))
