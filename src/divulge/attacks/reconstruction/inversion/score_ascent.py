"""Gradient ascent on class scores, in PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from divulge.attacks.reconstruction.total_variation import sides_of, variation
from divulge.core.hashing import Array
from divulge.core.views.reconstruction import ClassView

VIEWS = 4
NOISE = 0.4
"""How often an image is looked at in a step, and the deviation of the noise on it, as a share of the range: what scores
high only just so, and not with noise, is no picture of the class.
"""

LARGE = 16
"""Pixels a side from which an image is still the same when it is moved by one."""


def log_scores(module: nn.Module, x: Tensor) -> Tensor:
    """[records, classes]; a single output is the logit of the second class."""
    out = module(x).reshape(len(x), -1)
    if out.shape[1] == 1:
        out = torch.cat([torch.zeros_like(out), out], dim=1)
    return torch.log_softmax(out, dim=1)


def moved(images: Tensor, sides: tuple[int, int], generator: torch.Generator) -> Tensor:
    """All images shifted by up to one pixel each way."""
    shifts = torch.randint(-1, 2, (2,), generator=generator).tolist()
    return images.roll(shifts, dims=sides)


def climb(module: nn.Module, view: ClassView, total_variation: float, steps: int, rate: float, seed: int) -> Array:
    """One record of each class of the view: [classes, ...]."""
    dtype = next(module.parameters()).dtype
    low, high = (torch.as_tensor(np.asarray(edge), dtype=dtype) for edge in (view.low, view.high))
    generator = torch.Generator().manual_seed(seed)
    wanted = torch.as_tensor(view.classes)
    start = torch.randn((len(wanted), *view.shape), generator=generator, dtype=dtype)
    free = (0.5 + 0.02 * start).requires_grad_()
    image = view.schema.is_image
    moving = image and min(view.shape[s] for s in sides_of(view.shape)) >= LARGE
    optimizer = torch.optim.Adam([free], lr=rate)
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        shown = moved(free, sides_of(view.shape), generator) if moving else free
        views = shown.repeat(VIEWS, *([1] * (shown.dim() - 1)))
        views = views + NOISE * torch.randn(views.shape, generator=generator, dtype=dtype)
        scores = log_scores(module, low + views * (high - low)).gather(1, wanted.repeat(VIEWS)[:, None])
        loss = -scores.reshape(VIEWS, -1).mean(dim=0)
        loss = loss + (total_variation * variation(free, sides_of(view.shape)) if image else 0.0)
        (free.grad,) = torch.autograd.grad(loss.sum(), free)
        optimizer.step()
        falls.step()
        with torch.no_grad():
            free.clamp_(0, 1)
    return np.asarray((low + free * (high - low)).detach().double().numpy())
