"""Small trained networks, and what their outputs say worked out by hand."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

COUNT = 240
rng = np.random.default_rng(0)
X = rng.normal(size=(COUNT, 6)).astype(np.float32)
Y = ((X[:, 0] + rng.normal(size=COUNT)) > 0).astype(int)
MEMBER = np.arange(COUNT) < COUNT // 2


def trained(outputs: int = 2, y: np.ndarray = Y, width: int = 48) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, outputs))
    adam = torch.optim.Adam(net.parameters(), 0.01)
    x, label = torch.tensor(X[MEMBER]), torch.tensor(y[MEMBER])
    for _ in range(150):
        adam.zero_grad()
        z = net(x)
        if outputs == 1:
            loss = nn.functional.binary_cross_entropy_with_logits(z[:, 0], label.float())
        else:
            loss = nn.functional.cross_entropy(z, label)
        loss.backward()
        adam.step()
    net.zero_grad()
    return net


class Wrapped(nn.Module):
    """A network and what its forward method does with the outputs, without a layer for it."""

    def __init__(self, inner: nn.Module, last):
        super().__init__()
        self.inner, self.last = inner, last

    def forward(self, x):
        return self.last(self.inner(x))


def auc(scores) -> float:
    return roc_auc_score(MEMBER, np.asarray(scores, dtype=np.float64))


def right_class(probabilities: np.ndarray, y: np.ndarray = Y) -> np.ndarray:
    return np.log(probabilities[np.arange(len(y)), y])


def logits_of(net: nn.Module) -> np.ndarray:
    with torch.no_grad():
        return net(torch.tensor(X)).double().numpy()


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sets(y: np.ndarray = Y, x: np.ndarray = X):
    return (x[MEMBER], y[MEMBER]), (x[~MEMBER], y[~MEMBER])
