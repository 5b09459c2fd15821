"""A network with one hidden layer that learns records from what was computed of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.hashing import Array

BATCH = 128
RATE = 1e-3


def decoded(given: Array, wanted: Array, asked: Array, *, width: int, epochs: int, seed: int) -> Array:
    """Learn `wanted` [records, values in 0 to 1] from `given` [records, features]; what comes of `asked` [others,
    features].

    Both are standardised by `given`; Adam, and a rate that falls to nothing.
    """
    middle, spread = given.mean(axis=0), np.maximum(given.std(axis=0), 1e-6)
    x, other = (torch.as_tensor((part - middle) / spread, dtype=torch.float32) for part in (given, asked))
    y = torch.as_tensor(wanted, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(x.shape[1], width), nn.ReLU(), nn.Linear(width, y.shape[1]), nn.Sigmoid())
        fit(network, len(x), lambda rows: nn.functional.mse_loss(network(x[rows]), y[rows]), epochs, BATCH)
        with torch.inference_mode():
            return np.asarray(network(other).double().numpy())


def fit(network: nn.Module, count: int, loss_of: Callable[[Tensor], Tensor], epochs: int, batch: int) -> None:
    """Descend on `loss_of(rows)`, rows of `count`; Adam, and a rate that falls to nothing."""
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    network.train()
    for _ in range(epochs):
        order = torch.randperm(count)
        for start in range(0, count, batch):
            optimizer.zero_grad()
            loss: Any = loss_of(order[start : start + batch])
            loss.backward()
            optimizer.step()
        falls.step()
    network.eval()
