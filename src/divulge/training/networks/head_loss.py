"""The loss of tokens that count, and its gradient, without logits of all tokens in memory at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

LOGITS_ON_CPU, LOGITS_ELSEWHERE = 2**22, 2**28
"""Logits that are computed at once."""


def rows_at_once(vocabulary: int, device: torch.device) -> int:
    """Tokens whose logits are held at the same time."""
    return max((LOGITS_ON_CPU if device.type == "cpu" else LOGITS_ELSEWHERE) // vocabulary, 1)


class HeadLoss(torch.autograd.Function):
    """sum over tokens of share * -log p(label), for a head that is not trained."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Any, labels: Tensor, shares: Tensor) -> Tensor:
        """Of hidden states [tokens, width], weight [vocabulary, width], labels and shares [tokens]."""
        gradient = torch.empty_like(hidden)
        total = torch.zeros((), device=hidden.device)
        step = rows_at_once(len(weight), hidden.device)
        for start in range(0, len(hidden), step):
            part = slice(start, start + step)
            likely = functional.linear(hidden[part], weight, bias).softmax(-1)
            own = likely.gather(1, labels[part, None])
            total -= (own[:, 0].float().clamp(min=1e-38).log() * shares[part]).sum()
            likely.scatter_(1, labels[part, None], own - 1)
            torch.mm(likely, weight, out=gradient[part])
        ctx.save_for_backward(gradient.mul_(shares[:, None].to(gradient.dtype)))
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """The chain rule."""
        (found,) = ctx.saved_tensors
        return found * gradient.to(found.dtype), None, None, None, None
