"""The block that an active server puts before a module, in PyTorch."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Imprint(nn.Module):
    """Adds to every record one number, the sum of relu(h - edge) over `edges`, spread evenly, and goes on as before.

    trunk: the module; its form is kept and its weights are drawn anew, so that every record has a loss.
    along: [inputs], h = <along, record>.  edges: [bins].
    """

    def __init__(self, trunk: nn.Module, along: Tensor, edges: Tensor) -> None:
        super().__init__()
        self.bins = nn.Linear(len(along), len(edges))
        with torch.no_grad():
            self.bins.weight.copy_(along.expand(len(edges), -1))
            self.bins.bias.copy_(-edges)
        self.bins.to(along.dtype)
        self.trunk = _fresh(trunk)
        self.share = 1.0 / len(edges)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [records, classes]."""
        fired = torch.relu(self.bins(x.flatten(1))).sum(dim=1) * self.share
        changed: Tensor = self.trunk(x + fired.reshape(-1, *([1] * (x.dim() - 1))))
        return changed


def _fresh(module: nn.Module) -> nn.Module:
    fresh = copy.deepcopy(module)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for part in fresh.modules():
            reset = getattr(part, "reset_parameters", None)
            if reset is not None:
                reset()
    return fresh
