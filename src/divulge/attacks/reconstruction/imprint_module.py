"""The block that an active server puts before a module, in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Imprint(nn.Module):
    """Adds to every record one number, the sum of relu(h - edge) over `edges`, spread evenly, and goes on as before.

    trunk: the module as it was.  along: [inputs], h = <along, record>.  edges: [bins].
    """

    def __init__(self, trunk: nn.Module, along: Tensor, edges: Tensor) -> None:
        super().__init__()
        self.bins = nn.Linear(len(along), len(edges))
        with torch.no_grad():
            self.bins.weight.copy_(along.expand(len(edges), -1))
            self.bins.bias.copy_(-edges)
        self.bins.to(along.dtype)
        self.trunk = trunk
        self.share = 1.0 / len(edges)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [records, classes]."""
        fired = torch.relu(self.bins(x.flatten(1))).sum(dim=1) * self.share
        changed: Tensor = self.trunk(x + fired.reshape(-1, *([1] * (x.dim() - 1))))
        return changed
