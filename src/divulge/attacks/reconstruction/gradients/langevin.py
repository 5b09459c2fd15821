"""Several searches with noise that are drawn to what they agree on (Yin et al. 2021, sections 3.1 and 3.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from divulge.attacks.reconstruction.gradients.gradient_matching import Matcher
from divulge.attacks.reconstruction.total_variation import sides_of

WARM = 0.05
"""Share of the steps over which the rate rises; it then falls along a cosine."""

ALONE = 0.25
"""Share of the steps in which the searches go their own ways."""


def by_langevin(
    matcher: Matcher, restarts: int, steps: int, rate: float, noise: float, group: float, *, signed: bool
) -> Tensor:
    """Adam with noise of `noise` times the rate after every step, inside of the box; inputs of all searches.

    group: weight of the mean square distance to the mean of the searches, pictures moved by whole pixels to lie over
    it.  signed: Adam is given the signs of slopes.
    """
    inputs, _ = matcher.start(restarts)
    inputs = inputs.requires_grad_()
    optimizer = torch.optim.Adam([inputs], lr=rate)
    drawn = torch.Generator(inputs.device).manual_seed(matcher.seed + 1)
    warm = max(1, round(WARM * steps))
    for step in range(steps):
        now = rate * min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / steps)))
        optimizer.param_groups[0]["lr"] = now
        loss = matcher.distance(inputs, None).sum()
        if group and restarts > 1 and step >= ALONE * steps:
            loss = (
                loss + group * (inputs - agreed(inputs.detach(), restarts, matcher)).square().flatten(1).mean(1).sum()
            )
        (slope,) = torch.autograd.grad(loss, inputs)
        inputs.grad = slope.sign() if signed else slope
        optimizer.step()
        with torch.no_grad():
            jolt = torch.randn(inputs.shape, generator=drawn, dtype=inputs.dtype, device=inputs.device)
            inputs.add_(noise * now * jolt if step < steps - warm else 0.0).clamp_(0, 1)
    return inputs.detach()


def agreed(inputs: Tensor, restarts: int, matcher: Matcher) -> Tensor:
    """The mean of the searches [restarts * updates, batch, ...], as each of them would lie over it."""
    each = inputs.reshape(restarts, -1, *inputs.shape[1:])
    if not matcher.view.schema.is_image:
        return each.mean(dim=0, keepdim=True).expand_as(each).reshape(inputs.shape)
    sides = sides_of(matcher.view.shape)
    middle = each.mean(dim=0)
    back = [shift_between(one, middle, sides) for one in each]
    over = torch.stack([rolled(one, shift, sides) for one, shift in zip(each, back, strict=True)]).mean(dim=0)
    return torch.stack([rolled(over, -shift, sides) for shift in back]).reshape(inputs.shape)


def shift_between(images: Tensor, wanted: Tensor, sides: tuple[int, int]) -> Tensor:
    """By how many pixels each of the images [..., height, width] is to be moved to lie over the wanted one: int
    [..., 2].  Phase correlation (Kuglin and Hines 1975), summed over channels; a quarter of a side at most.
    """
    one, other = (_flat(part, sides) for part in (images, wanted))
    spectrum = torch.fft.fft2(other) * torch.fft.fft2(one).conj()
    peak = torch.fft.ifft2(spectrum / spectrum.abs().clamp_min(1e-12)).real.sum(dim=-3)
    height, width = peak.shape[-2:]
    far = [torch.minimum(torch.arange(n), n - torch.arange(n)).to(peak.device) for n in (height, width)]
    allowed = (far[0][:, None] <= height // 4) & (far[1][None] <= width // 4)
    best = peak.masked_fill(~allowed, -torch.inf).flatten(-2).argmax(dim=-1)
    rows, columns = best // width, best % width
    rows, columns = rows - height * (rows > height // 2), columns - width * (columns > width // 2)
    return torch.stack([rows, columns], dim=-1)


def _flat(images: Tensor, sides: tuple[int, int]) -> Tensor:
    """[updates, batch, channels, height, width]"""
    images = images.movedim(-1, -3) if sides == (-3, -2) else images
    return images if images.dim() > 4 else images[:, :, None]


def rolled(images: Tensor, shifts: Tensor, sides: tuple[int, int]) -> Tensor:
    """Each of the images [updates, batch, ...] moved by its own shift: int [updates, batch, 2]."""
    moved = [
        torch.stack([one.roll(shift.tolist(), dims=sides) for one, shift in zip(images[n], shifts[n], strict=True)])
        for n in range(len(images))
    ]
    return torch.stack(moved)
