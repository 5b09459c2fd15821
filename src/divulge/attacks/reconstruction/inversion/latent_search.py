"""The search among the images that a generator makes, for those of a class."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from divulge.attacks.reconstruction.inversion.image_generator import Generator, realness
from divulge.attacks.reconstruction.inversion.score_ascent import cropped, log_scores, logits_of
from divulge.attacks.reconstruction.total_variation import sides_of
from divulge.core.hashing import Array
from divulge.core.views.reconstruction import ClassView

WEAK, STRONG = (0.9, 1.0), (0.5, 0.9)
"""Shares of an image that crops cover: while one is sought, and when the results are compared."""

STRETCH = 1.5
"""By how much the sides of a strong crop may differ: from 0.8 to 1.2 of each other."""

VIEWS = 24
"""How often an image is cropped to see whether it stays what it is."""

CLOSE = 1e-4
"""By how much a class lies within the ball, whose edge is infinitely far."""


def search(
    made: Generator,
    module: nn.Module,
    view: ClassView,
    starts: int,
    steps: int,
    rate: float,
    *,
    realism: float,
    seed: int,
    candidates: int = 0,
    spread: bool = False,
) -> Array:
    """The best of `starts` images of each class: [classes, ...].

    candidates: latent vectors among which the starts are chosen; the search is then by Poincare distance over random
    crops, and what is chosen in the end is surest under strong ones (Struppek et al. 2022); for 0 by log-score, with
    `realism` times the critic's logit.  spread: seek a normal distribution of latent vectors for each start rather than
    one vector (Chen et al. 2021, equation 6).
    """
    drawn = torch.Generator().manual_seed(seed)
    classes = torch.as_tensor(view.classes)
    wanted = classes.repeat_interleave(starts)
    if candidates:
        latent = _surest(made, module, view, max(candidates, starts), starts, drawn).requires_grad_()
    else:
        latent = torch.randn((len(wanted), made.size), generator=drawn).requires_grad_()
    width = torch.full_like(latent, -1.0 if spread else -30.0).requires_grad_()  # its logarithm
    optimizer = torch.optim.Adam([latent, width] if spread else [latent], lr=rate)
    dtype = next(module.parameters()).dtype
    for _ in range(steps):
        drawn_latent = latent + width.exp() * torch.randn(latent.shape, generator=drawn) if spread else latent
        records = made.records(drawn_latent)
        if candidates:
            shown = _crop(view, records, WEAK, 1.0, drawn)
            loss = poincare(logits_of(module, shown.to(dtype)), wanted)
        else:
            loss = -log_scores(module, records.to(dtype)).gather(1, wanted[:, None])[:, 0]
        if realism:
            real = realness(made.critic, made.maker(drawn_latent))
            loss = loss + realism * (nn.functional.softplus(-real) if spread else -real)
        latent.grad, width.grad = torch.autograd.grad(loss.sum(), (latent, width), allow_unused=True)
        optimizer.step()
    with torch.no_grad():
        records = made.records(latent)
        own = _sureness(module, view, records, STRONG if candidates else None, drawn).gather(1, wanted[:, None])
        best = own.reshape(-1, starts).argmax(dim=1) + torch.arange(len(classes)) * starts
        return np.asarray(records[best].double().numpy())


def _surest(
    made: Generator, module: nn.Module, view: ClassView, candidates: int, starts: int, drawn: torch.Generator
) -> Tensor:
    """Of each class the latent vectors whose images the target is surest of when they are cropped: [classes * starts,
    size].
    """
    latent = torch.randn((candidates, made.size), generator=drawn)
    with torch.no_grad():
        sure = _sureness(module, view, made.records(latent), WEAK, drawn)
    return torch.cat([latent[sure[:, code].topk(starts).indices] for code in view.classes])


def _sureness(
    module: nn.Module, view: ClassView, records: Tensor, area: tuple[float, float] | None, drawn: torch.Generator
) -> Tensor:
    """Mean scores over crops that cover this share of each record: [records, classes]."""
    dtype = next(module.parameters()).dtype
    if area is None or not view.schema.is_image:
        return log_scores(module, records.to(dtype)).exp()
    stretch = STRETCH if area == STRONG else 1.0
    seen = [log_scores(module, _crop(view, records, area, stretch, drawn).to(dtype)).exp() for _ in range(VIEWS)]
    return torch.stack(seen).mean(dim=0)


def _crop(
    view: ClassView, records: Tensor, area: tuple[float, float], stretch: float, drawn: torch.Generator
) -> Tensor:
    return cropped(records, sides_of(view.shape), area, stretch, drawn) if view.schema.is_image else records


def poincare(logits: Tensor, wanted: Tensor) -> Tensor:
    """Distance of logits [n, classes], brought to l1 length 1, from their class in the Poincare ball: [n] (Struppek et
    al. 2022, equations 3 and 4).  Logits, not scores: those of a sure model hardly move, and their slopes vanish.
    """
    u = logits / logits.abs().sum(dim=1, keepdim=True).clamp_min(1e-12)
    v = (nn.functional.one_hot(wanted, logits.shape[1]).to(u.dtype) - CLOSE).clamp(0, 1)
    gap = (u - v).square().sum(dim=1)
    bent = (1 - u.square().sum(dim=1)).clamp_min(1e-7) * (1 - v.square().sum(dim=1))
    return torch.acosh(1 + 2 * gap / bent)
