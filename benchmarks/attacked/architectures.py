"""Small networks of the architectures that people use, of sixteen inputs and three classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

SIDE = 4
WIDTH = 12
CLASSES = 3


def perceptron() -> nn.Module:
    """One hidden layer of ReLU."""
    return nn.Sequential(nn.Linear(SIDE**2, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES))


def smooth() -> nn.Module:
    """One hidden layer of GELU."""
    return nn.Sequential(nn.Linear(SIDE**2, WIDTH), nn.GELU(), nn.Linear(WIDTH, CLASSES))


def bounded() -> nn.Module:
    """Two hidden layers of tanh."""
    hidden = nn.Linear(WIDTH, WIDTH), nn.Tanh()
    return nn.Sequential(nn.Linear(SIDE**2, WIDTH), nn.Tanh(), *hidden, nn.Linear(WIDTH, CLASSES))


def normed() -> nn.Module:
    """BatchNorm and dropout."""
    between = nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Dropout(0.2)
    return nn.Sequential(nn.Linear(SIDE**2, WIDTH), *between, nn.Linear(WIDTH, CLASSES))


class Residual(nn.Module):
    """Two convolutions with BatchNorm around a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.first, self.second = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8)])
        self.last = nn.Linear(8 * SIDE**2, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [records, classes]."""
        inner = self.stem(x.reshape(len(x), 1, SIDE, SIDE))
        body = self.norms[1](self.second(torch.relu(self.norms[0](self.first(inner)))))
        logits: Tensor = self.last(torch.relu(inner + body).flatten(1))
        return logits


class Recurrent(nn.Module):
    """Reads the rows of a record one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(SIDE, WIDTH, batch_first=True)
        self.last = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [records, classes]."""
        logits: Tensor = self.last(self.cell(x.reshape(len(x), SIDE, SIDE))[0][:, -1])
        return logits


class Attentive(nn.Module):
    """Rows as patches with places, one layer of attention, and their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Linear(SIDE, WIDTH)
        self.place = nn.Parameter(torch.zeros(1, SIDE, WIDTH))
        self.layer = nn.TransformerEncoderLayer(WIDTH, 2, 24, dropout=0.1, batch_first=True)
        self.last = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [records, classes]."""
        patches = self.patch(x.reshape(len(x), SIDE, SIDE)) + self.place
        logits: Tensor = self.last(self.layer(patches).mean(dim=1))
        return logits


def trained(build: Callable[[], nn.Module], kind: torch.dtype, steps: int) -> Callable[[Any, Any], nn.Module]:
    """What fits it by Adam in single precision, and then casts it."""

    def make(x: Any, y: Any) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module = build()
            given, wanted = torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y)
            adam = torch.optim.Adam(module.parameters(), 0.02)
            for _ in range(steps):
                adam.zero_grad()
                nn.functional.cross_entropy(module(given), wanted).backward()  # type: ignore[no-untyped-call]
                adam.step()
        return module.to(kind).eval()

    return make
