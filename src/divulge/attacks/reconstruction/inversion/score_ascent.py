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


def logits_of(module: nn.Module, x: Tensor) -> Tensor:
    """[records, classes]; a single output is the logit of the second class."""
    out = module(x).reshape(len(x), -1)
    return torch.cat([torch.zeros_like(out), out], dim=1) if out.shape[1] == 1 else out


def log_scores(module: nn.Module, x: Tensor) -> Tensor:
    """The same as log-probabilities."""
    return torch.log_softmax(logits_of(module, x), dim=1)


def cropped(
    images: Tensor, sides: tuple[int, int], area: tuple[float, float], stretch: float, generator: torch.Generator
) -> Tensor:
    """A random part of each image [n, ...], at full size.  area: the share of the image that a part covers, from
    and to; stretch: by how much its sides may differ, as a factor.
    """
    last = sides == (-3, -2)
    flat = images.movedim(-1, -3) if last else images
    shape = flat.shape
    flat = flat.reshape(len(flat), -1, *shape[-2:])
    shares = area[0] + (area[1] - area[0]) * torch.rand(len(flat), generator=generator)
    bend = stretch ** (torch.rand(len(flat), generator=generator) - 0.5)
    reach = torch.stack([(shares * bend).sqrt(), (shares / bend).sqrt()], dim=1).clamp(max=1.0)
    places = (1 - reach) * (2 * torch.rand((len(flat), 2), generator=generator) - 1)
    grid = torch.cat([torch.diag_embed(reach), places[:, :, None]], dim=2).to(flat)
    where = nn.functional.affine_grid(grid, list(flat.shape), align_corners=False)
    seen = nn.functional.grid_sample(flat, where, padding_mode="border", align_corners=False).reshape(shape)
    return seen.movedim(-3, -1) if last else seen


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
