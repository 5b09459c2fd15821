"""Weights made to catch single records (Boenisch et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.reconstruction.gradients.active_server import ACTIVE_SERVER
from divulge.attacks.reconstruction.gradients.analytic_gradient import FirstDense, first_dense
from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Asset, Challenge, Family
from divulge.core.views.reconstruction import SampleGuess, UpdateView

MOST_PUBLIC = 2_000
"""Public records by which the scale is chosen."""


@dataclass(frozen=True)
class TrapWeights:
    """Weights of the first dense layer of which half are negative, and larger: few records make a neuron fire, and
    where one alone does, its gradient is that record (Boenisch et al. 2023, section 5).

    scale: of the positive weights relative to the negative ones; when None such that a neuron fires for one record of
    a batch, as seen on the population.
    """

    scale: float | None = None

    card: ClassVar[Card] = Card(
        name="trap_weights",
        title="Trap weights",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="boenisch2023",
        equations="section 5, algorithm 1",
        summary="the server sends first weights with which most neurons fire for one record of a batch, or for none",
        needs=ACTIVE_SERVER,
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: one round of training.  Raises Impossible where the first layer is not dense."""
        import copy

        import torch

        numbers_only(view, several_steps=True)
        layer = first_dense(view)
        module: Any = copy.deepcopy(view.target.parameters())
        weights = list(module.parameters())[layer.place]
        bias = list(module.parameters())[layer.place + 1]
        drawn = np.abs(view.rng.normal(size=weights.shape))
        negative = view.rng.permuted(np.arange(drawn.size).reshape(drawn.shape) % 2 == 0, axis=1)
        parts = [np.where(side, drawn, 0.0) / np.sqrt(drawn.shape[1]) for side in (~negative, negative)]
        trap = self._scale(layer, parts, view) * parts[0] - parts[1]
        with torch.no_grad():
            weights.copy_(torch.as_tensor(trap, dtype=weights.dtype))
            bias.zero_()
        return SampleGuess(tuple(layer.records(update) for update in view.ask(module)))

    def _scale(self, layer: FirstDense, parts: list[Array], view: UpdateView) -> float:
        """A neuron fires where scale * positive > negative, so the wanted scale is a quantile of their ratio."""
        if self.scale is not None:
            return self.scale
        public = view.population.take(np.arange(min(len(view.population), MOST_PUBLIC)))
        share = (public.flat() - view.low.reshape(-1)) / np.where(
            view.high > view.low, view.high - view.low, 1
        ).reshape(-1)
        given = layer.zero + share * (layer.unit - layer.zero)
        positive, negative = (given @ part.T for part in parts)
        ratio = np.where(positive > 0, negative / np.maximum(positive, 1e-12), np.inf)
        return float(np.quantile(ratio[np.isfinite(ratio)], 1 / max(view.updates[0].batch, 2)))
