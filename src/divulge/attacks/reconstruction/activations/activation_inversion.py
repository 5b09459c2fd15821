"""Inputs behind what the first layers of a split model give out (He et al. 2019, Song and Raghunathan 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.reconstruction import ActivationView, SampleGuess

BOTH = frozenset({Task.CLASSIFICATION, Task.REGRESSION})


@dataclass(frozen=True)
class ActivationInversion:
    """White-box: inputs whose activations are the ones that were sent, smooth, inside the range (He et al. 2019,
    section 4.1, regularised maximum likelihood).

    total_variation: its weight.  steps, rate: of Adam.
    """

    total_variation: float = 1e-3
    steps: int = 600
    rate: float = 0.05

    card: ClassVar[Card] = Card(
        name="activation_inversion",
        title="Inverting activations",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.ACTIVATIONS,
        paper="he2019",
        equations="section 4.1",
        summary="looks for smooth inputs that the first layers turn into what was sent",
        needs=Needs(Access.ACTIVATIONS, tasks=BOTH),
        uses=Access.PARAMETERS,
    )

    def run(self, view: ActivationView) -> SampleGuess:
        """Cost: no query."""
        import torch

        from divulge.attacks.reconstruction.total_variation import sides_of, variation

        front: Any = view.front
        dtype = next(view.target.parameters().parameters()).dtype
        sent, low, high = (
            torch.as_tensor(np.asarray(part), dtype=dtype) for part in (view.activations, view.low, view.high)
        )
        scale = sent.flatten(1).square().mean(dim=1).clamp_min(1e-12)
        generator = torch.Generator().manual_seed(int(view.rng.integers(2**31)))
        free = (0.5 + 0.05 * torch.randn((len(sent), *view.shape), generator=generator, dtype=dtype)).requires_grad_()
        optimizer = torch.optim.Adam([free], lr=self.rate)
        falls = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps)
        for _ in range(self.steps):
            off = (front(low + free * (high - low)) - sent).flatten(1).square().mean(dim=1) / scale
            if view.schema.is_image and self.total_variation:
                off = off + self.total_variation * variation(free, sides_of(view.shape))
            (free.grad,) = torch.autograd.grad(off.sum(), free)
            optimizer.step()
            falls.step()
            with torch.no_grad():
                free.clamp_(0, 1)
        records = (low + free * (high - low)).detach().double().numpy()
        return SampleGuess(tuple(record[None] for record in records))


def flat(values: Array) -> Array:
    """[records, values]."""
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)
