"""Images whose gradient points where the one that was sent points (Geiping et al. 2020), with what comes after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.dlg import numbers_only
from divulge.attacks.reconstruction.last_layer_gradients import classes_of
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.reconstruction import SampleGuess, UpdateScene
from divulge.core.threat import Access, Asset, Challenge, Family, Needs


@dataclass(frozen=True)
class InvertingGradients:
    """Cosine distance, Adam on signs, total variation, inside the range of inputs (Geiping et al. 2020, equation 4).

    total_variation: its weight, on the mean difference of neighbours.  restarts, steps, rate: of the search.
    """

    total_variation: float = 1e-3
    restarts: int = 1
    steps: int = 1_000
    rate: float = 0.1

    card: ClassVar[Card] = Card(
        name="inverting_gradients",
        title="Inverting gradients",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="geiping2020",
        equations="equation 4",
        summary="looks for smooth images whose gradient points where the one that was sent points",
        needs=Needs(Access.UPDATES),
    )

    def run(self, scene: UpdateScene) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text and several local steps."""
        from divulge.attacks.reconstruction.gradient_matching import Prior

        numbers_only(scene)
        return _searched(scene, Prior(self.total_variation), self.restarts, self.steps, self.rate)


@dataclass(frozen=True)
class GradInversion:
    """The same with what batch-norm layers remember of all training inputs, for batches (Yin et al. 2021, equations 7
    to 9; without their registration of several images).

    statistics: weight of the distance to the running means and variances.  The rest as for inverting gradients.
    """

    statistics: float = 1e-3
    total_variation: float = 1e-3
    restarts: int = 1
    steps: int = 1_000
    rate: float = 0.1

    card: ClassVar[Card] = Card(
        name="grad_inversion",
        title="GradInversion",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="yin2021",
        equations="equations 7 to 9",
        summary="inverts gradients, helped by the statistics that batch-norm layers keep",
        needs=Needs(Access.UPDATES),
    )

    def run(self, scene: UpdateScene) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text, several local steps, and modules without batch norm."""
        from torch import nn

        from divulge.attacks.reconstruction.gradient_matching import Prior

        numbers_only(scene)
        layers = scene.target.parameters().modules()
        if not any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in layers):
            raise Impossible("it needs batch-norm layers, and this module has none")
        prior = Prior(self.total_variation, self.statistics)
        return _searched(scene, prior, self.restarts, self.steps, self.rate)


@dataclass(frozen=True)
class FedavgInversion:
    """Updates of several local steps: the steps are simulated, and which record was in which of them is sought by
    restarts (Dimitrov et al. 2022, algorithm 2, for one epoch).

    restarts: with the classes in another order.  The rest as for inverting gradients.
    """

    total_variation: float = 1e-3
    restarts: int = 4
    steps: int = 1_000
    rate: float = 0.1

    card: ClassVar[Card] = Card(
        name="fedavg_inversion",
        title="Inverting federated averaging",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="dimitrov2022",
        equations="algorithm 2",
        summary="looks for records that, trained on for as many local steps, give the update that was sent",
        needs=Needs(Access.UPDATES),
    )

    def run(self, scene: UpdateScene) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text and for a single local step."""
        from divulge.attacks.reconstruction.gradient_matching import Prior

        numbers_only(scene, several_steps=True)
        if scene.updates[0].steps == 1:
            raise Impossible("the update is of one step: inverting_gradients does the same")
        codes = classes_of(scene, scene.updates)
        mixed = np.concatenate([scene.rng.permuted(codes, axis=1) for _ in range(self.restarts)])
        return _searched(scene, Prior(self.total_variation), self.restarts, self.steps, self.rate, mixed)


def _searched(
    scene: UpdateScene, prior: object, restarts: int, steps: int, rate: float, codes: Array | None = None
) -> SampleGuess:
    from divulge.attacks.reconstruction.gradient_matching import Matcher, by_adam

    found = codes if codes is not None else classes_of(scene, scene.updates)
    seed = int(scene.rng.integers(2**31))
    matcher = Matcher(scene, scene.updates, found, prior, cosine=True, seed=seed)  # type: ignore[arg-type]
    records, _ = matcher.best(*by_adam(matcher, restarts, steps, rate, signed=True))
    return SampleGuess(tuple(records), tuple(found[: len(scene.updates)]))
