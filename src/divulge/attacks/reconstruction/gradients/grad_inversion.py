"""Gradients inverted with what batch-norm layers remember (Yin et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.attacks.reconstruction.gradients.last_layer_gradients import classes_of
from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdateView


@dataclass(frozen=True)
class GradInversion:
    """Inputs whose gradients are near to those sent, whose batch-norm layers see what they remember of all
    training inputs, that are smooth and short, and on which several searches with noise agree once their pictures lie
    over each other (Yin et al. 2021, sections 3.1 to 3.4).

    match: how gradients are compared: by "cosine", with steps on the signs of slopes, or by "squares" as in the paper.
    statistics, total_variation, length: weights of the distance to the running means and variances, of neighbouring
    pixels, and of the mean square.  sent: weight instead of `statistics` where clients send along what their batch norm
    remembers after one step, which is what it saw of the batch.  group: weight of the distance to the mean of the
    searches.  noise: of Langevin's steps, relative to their length.  restarts: how many searches.
    """

    match: str = "cosine"
    statistics: float = 1e-3
    sent: float = 10.0
    total_variation: float = 1e-3
    length: float = 1e-6
    group: float = 1e-2
    noise: float = 0.02
    restarts: int = 3
    steps: int = 1_000
    rate: float = 0.1

    card: ClassVar[Card] = Card(
        name="grad_inversion",
        title="GradInversion",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="yin2021",
        equations="sections 3.1 to 3.4",
        summary="inverts gradients, helped by the statistics that batch-norm layers keep",
        needs=Needs(Access.UPDATES),
        differs="gradients are compared by their cosine, as far more is rebuilt so on small networks (match: squares "
        "does as the paper); pictures are registered by whole pixels (phase correlation), not by optical flow",
    )

    def __post_init__(self) -> None:
        if self.match not in ("cosine", "squares"):
            raise InputError(f"grad_inversion: match {self.match!r} is unknown: choose cosine or squares")

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text, several local steps, and modules without batch norm."""
        from torch import nn

        from divulge.attacks.reconstruction.gradients.gradient_matching import Matcher, Prior
        from divulge.attacks.reconstruction.gradients.langevin import by_langevin

        numbers_only(view)
        layers = view.target.parameters().modules()
        if not any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in layers):
            raise Impossible("it needs batch-norm layers, and this module has none")
        codes = classes_of(view, view.updates)
        known = all(u.train and u.buffers for u in view.updates)
        prior = Prior(self.total_variation, self.sent if known else self.statistics, self.length)
        seed = int(view.rng.integers(2**31))
        cosine = self.match == "cosine"
        matcher = Matcher(view, view.updates, codes, prior, cosine=cosine, relative=True, seed=seed)
        settings = self.restarts, self.steps, self.rate, self.noise, self.group
        found = by_langevin(matcher, *settings, signed=cosine)
        records, _ = matcher.best(found, None)
        return SampleGuess(tuple(records), tuple(codes[: len(view.updates)]))
