"""A server that sends modules made to catch records (Fowl et al. 2022, Boenisch et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.gradients.active_server import ACTIVE_SERVER
from divulge.attacks.reconstruction.gradients.dlg import numbers_only
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Asset, Challenge, Family
from divulge.core.views.reconstruction import SampleGuess, Update, UpdateView


@dataclass(frozen=True)
class ImprintBlock:
    """A block before the module sorts records into `bins` by one linear measurement; the difference of the gradients of
    neighbouring bins is a multiple of the record that alone fell in between (Fowl et al. 2022, equations 3 to 5).

    bins: their edges are quantiles of the measurement over the population.
    """

    bins: int = 512

    card: ClassVar[Card] = Card(
        name="imprint_block",
        title="Imprint block",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="fowl2022",
        equations="equations 3 to 5",
        summary="the server adds a layer whose gradient holds each record of a batch for itself",
        needs=ACTIVE_SERVER,
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: one round of training.  Raises Impossible for text, and AccessDenied where the server only looks."""
        import torch

        from divulge.attacks.reconstruction.gradients.imprint_module import Imprint

        numbers_only(view, several_steps=True)
        width = np.where(view.high > view.low, view.high - view.low, 1.0).reshape(-1)
        along = view.rng.normal(size=width.size) / width / np.sqrt(width.size)
        measured = view.population.flat().astype(np.float64) @ along
        edges = np.quantile(measured, (np.arange(self.bins) + 0.5) / self.bins)
        trunk = view.target.parameters()
        dtype = next(trunk.parameters()).dtype
        block = Imprint(trunk, torch.as_tensor(along, dtype=dtype), torch.as_tensor(edges, dtype=dtype))
        found = tuple(_caught(update, view) for update in view.ask(block))
        return SampleGuess(found, told=(f"one layer of {self.bins} neurons was added before the model",))


def _caught(update: Update, view: UpdateView) -> Array:
    """Records between neighbouring edges, those with the strongest gradients first: [at most a batch, ...]."""
    slopes, bias = (np.asarray(part, dtype=np.float64) for part in update.change[:2])
    rows, shares = (np.diff(part, axis=0, append=np.zeros_like(part[:1])) for part in (slopes, bias))
    strong = np.abs(shares) > 1e-6 * max(float(np.abs(shares).max()), 1e-30)
    order = np.flatnonzero(strong)[np.argsort(-np.abs(shares[strong]), kind="stable")][: update.batch]
    return np.asarray((rows[order] / shares[order, None]).reshape(len(order), *view.shape))
