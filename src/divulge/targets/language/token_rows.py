"""Logits of a language model become numbers of the tokens that were really there."""

from __future__ import annotations

from collections.abc import Callable

import torch

RowsOf = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From logits [texts, places, vocabulary] and token numbers [texts, places]."""


def token_rows(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """What TokenScores has of each token [texts, places, 5], from logits [texts, places, vocabulary]."""
    scores = logits.float()
    below = scores - scores.amax(-1, keepdim=True)
    own = below.gather(-1, ids[..., None])
    rank = (below > own).sum(-1)
    weights = below.clamp_(min=LOWEST).exp()
    total = weights.sum(-1)
    first = weights.mul_(below).sum(-1) / total
    second = weights.mul_(below).sum(-1) / total
    mean, spread = first - total.log(), (second - first**2).clamp(min=0).sqrt()
    return torch.stack([own[..., 0] - total.log(), mean, spread, rank.float(), ids.float()], dim=-1).double()


LOWEST = -1e4
"""Below the largest logit: such a token weighs nothing, and its logarithm may be minus infinity."""


def scheme_rows(temperature: float, top_k: int | None, logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Log-probability [texts, places] of writing each token when sampling at a temperature from the `top_k` likeliest
    ones, all where None: minus infinity for what is not among them.  Temperature 0 writes the likeliest token.
    """
    scores = logits.double()
    own = scores.gather(-1, ids[..., None])
    kept = 1 if temperature == 0 else min(top_k or scores.shape[-1], scores.shape[-1])
    outside = ((scores > own).sum(-1) >= kept) | own[..., 0].isneginf()
    if temperature == 0:
        return torch.where(outside, -torch.inf, 0.0)
    best = scores.topk(kept, dim=-1).values / temperature
    return torch.where(outside, -torch.inf, own[..., 0] / temperature - best.logsumexp(-1))
