"""Networks that are attacked, and what they are trained on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from divulge.core.records import Records
from divulge.data.arrays import from_arrays

Sets = tuple[Records, Records, Records]
"""Of training, unseen, of the population."""


class LeNet(nn.Module):
    """The smooth network of Zhu et al. 2019, for images of 8 x 8."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, stride in ((1, 2), (12, 1), (12, 1)):
            layers += [nn.Conv2d(inputs, 12, 5, padding=2, stride=stride), nn.Sigmoid()]
        self.body, self.last = nn.Sequential(*layers), nn.Linear(12 * 16, classes)
        for p in self.parameters():
            nn.init.uniform_(p, -0.5, 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.body(x.reshape(len(x), 1, 8, 8)).flatten(1))


class Convolutional(nn.Module):
    """Three convolutions and a dense layer, for square images."""

    def __init__(self, side: int, classes: int = 10, norm: bool = False) -> None:
        super().__init__()
        self.side, layers = side, []
        for inputs, outputs, stride in ((1, 16, 1), (16, 32, 2), (32, 32, 2)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, stride=stride)]
            layers += [nn.BatchNorm2d(outputs)] if norm else []
            layers += [nn.ReLU()]
        self.body, self.last = nn.Sequential(*layers), nn.Linear(32 * (-(-side // 4)) ** 2, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.body(x.reshape(len(x), 1, self.side, self.side)).flatten(1))


class Solvable(nn.Sequential):
    """Two convolutions wide enough that their weights and gradients determine what they are given, without a bias."""

    def __init__(self) -> None:
        act = nn.LeakyReLU(0.2)
        body = nn.Conv2d(1, 6, 3, padding=1, bias=False), act, nn.Conv2d(6, 6, 3, padding=1, bias=False), act
        super().__init__(nn.Unflatten(1, (1, 8)), *body, nn.Flatten(), nn.Linear(6 * 64, 10, bias=False))


def dense(inputs: int = 784, hidden: int = 256, classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def taught(module: nn.Module, records: Records, epochs: int) -> nn.Module:
    x, y = torch.as_tensor(records.x), torch.as_tensor(records.y)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
            optimizer.step()
    return module.eval()


def parted(records: Records, sizes: tuple[int, int, int], seed: int = 0) -> Sets:
    order = np.random.default_rng(seed).permutation(len(records))
    ends = np.cumsum((0, *sizes))
    return tuple(records.take(order[a:b]) for a, b in pairwise(ends))  # type: ignore[return-value]


def images(records: Records, side: int) -> Records:
    x = records.x.reshape(-1, side, side).astype(np.float32)
    return from_arrays([(x, records.y)], target="kind")[0]


def large() -> nn.Module:
    return Convolutional(28)
