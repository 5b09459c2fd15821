"""What happens to images in every batch of a training."""

from __future__ import annotations

from enum import Enum

import torch
from torch import Generator, Tensor

SHIFT = 2
"""Pixels by which an image is moved at most, in either direction."""


class Augmentation(Enum):
    """Which."""

    NONE = "as they are"
    FLIP = "flipped"
    SHIFT = "shifted"
    BOTH = "flipped and shifted"


def augmented(x: Tensor, kind: Augmentation, generator: Generator) -> Tensor:
    """Images [batch, height, width], [batch, channels, height, width] or [batch, height, width, channels], each
    mirrored by a fair coin, and moved by up to two pixels each way with zeros coming in.
    """
    if kind is Augmentation.NONE:
        return x
    if x.ndim not in (3, 4):
        raise ValueError(f"only images can be {kind.value}, and records have shape {tuple(x.shape[1:])}")
    first = x.ndim == 4 and x.shape[1] in (1, 3)
    images = x if first or x.ndim == 3 else x.movedim(-1, 1)
    images = images[:, None] if x.ndim == 3 else images
    if kind in (Augmentation.FLIP, Augmentation.BOTH):
        coin = torch.rand(len(x), generator=generator).to(x.device) < 0.5
        images = torch.where(coin[:, None, None, None], images.flip(-1), images)
    if kind in (Augmentation.SHIFT, Augmentation.BOTH):
        images = _shifted(images, generator)
    if x.ndim == 3:
        return images[:, 0]
    return images if first else images.movedim(1, -1)


def _shifted(images: Tensor, generator: Generator) -> Tensor:
    count, _, height, width = images.shape
    by = torch.randint(0, 2 * SHIFT + 1, (2, count), generator=generator).to(images.device)
    padded = torch.nn.functional.pad(images, (SHIFT,) * 4)
    rows = by[0][:, None] + torch.arange(height, device=images.device)
    columns = by[1][:, None] + torch.arange(width, device=images.device)
    number = torch.arange(count, device=images.device)[:, None, None]
    return padded[number, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
