"""A network that reads networks: neurons as a set, in PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.errors import Impossible
from divulge.core.hashing import Array

WIDEST = 16
"""Numbers that a neuron's weights are reduced to."""

HIDDEN, SAID = 32, 8
PATIENCE = 60
"""Steps without a better answer for the networks held out, after which a reader is finished."""


def layers_of(module: nn.Module) -> list[Array]:
    """By layer its neurons with what comes into them, their bias, and what goes out of them where the next layer is
    linear: [neurons, numbers].  The outputs, whose order has a meaning, are told by their biases, [1, outputs].

    A convolution's kernels are its neurons (Suri and Evans 2022, section 5.2).  Raises Impossible for a module of which
    no layer is linear or a convolution.
    """
    parts = [p for p in module.modules() if isinstance(p, nn.Linear | nn.Conv1d | nn.Conv2d)]
    if not parts:
        raise Impossible("it reads linear layers and convolutions, and this module has none")
    numbers = [_numbers(part) for part in parts]
    found = []
    for place, (weight, bias) in enumerate(numbers):
        if place == len(numbers) - 1 and len(numbers) > 1:
            found.append(bias[None, :])
            continue
        following = numbers[place + 1][0] if place + 1 < len(numbers) else weight[:0]
        out = following.T if following.shape[1] == len(weight) else weight[:, :0]
        found.append(np.column_stack([weight, bias, out]))
    return found


def _numbers(part: Any) -> tuple[Array, Array]:
    weight = part.weight.detach().double().cpu().reshape(part.weight.shape[0], -1).numpy()
    return weight, np.zeros(len(weight)) if part.bias is None else part.bias.detach().double().cpu().numpy()


class _NeuronReader(nn.Module):
    """phi by layer, over each neuron and what was said of the layer before; their means; rho over all of these."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.by_layer = nn.ModuleList()
        for place, width in enumerate(widths):
            known = SAID if place else 0
            self.by_layer.append(
                nn.Sequential(nn.Linear(width + known, HIDDEN), nn.ReLU(), nn.Dropout(0.2), nn.Linear(HIDDEN, SAID))
            )
        self.end = nn.Sequential(
            nn.Linear(SAID * len(widths), HIDDEN), nn.ReLU(), nn.Dropout(0.2), nn.Linear(HIDDEN, 1)
        )

    def forward(self, layers: list[Tensor]) -> Tensor:
        """[models] from layers [models, neurons, width]."""
        sums: list[Tensor] = []
        for part, neurons in zip(self.by_layer, layers, strict=True):
            before = [sums[-1][:, None, :].expand(-1, neurons.shape[1], -1)] if sums else []
            sums.append(part(torch.cat([neurons, *before], dim=2)).mean(dim=1))
        read_off: Tensor = self.end(torch.cat(sums, dim=1))[:, 0]
        return read_off


def read(
    own: list[list[Array]], values: Array, theirs: list[list[Array]], seed: int, steps: int, readers: int
) -> Array:
    """Values of the property of other networks, by the mean of several readers: [networks].

    own, theirs: networks, layer by layer.  Of the own ones a fifth, another for each reader, says when to stop.
    """
    layers, asked = _reduced(_stacked(own), _stacked(theirs))
    mean, spread = float(values.mean()), max(float(values.std()), 1e-9)
    targets = torch.from_numpy((values - mean) / spread).float()
    readings = []
    for number in range(readers):
        reader = _taught(layers, targets, seed + number, steps)
        with torch.no_grad():
            readings.append(reader(asked).double().numpy())
    return np.asarray(np.mean(readings, axis=0) * spread + mean)


def _taught(layers: list[Tensor], wanted: Tensor, seed: int, steps: int) -> nn.Module:
    torch.manual_seed(seed)
    order = torch.randperm(len(wanted))
    held, rest = order[: len(order) // 5], order[len(order) // 5 :]
    reader = _NeuronReader([x.shape[2] for x in layers])
    optimizer = torch.optim.AdamW(reader.parameters(), lr=3e-3, weight_decay=0.1)
    best, finest, since = float("inf"), copy.deepcopy(reader.state_dict()), 0
    for _ in range(steps):
        rows = rest[torch.randint(len(rest), (64,))]
        reader.train()
        optimizer.zero_grad()
        noisy = [x[rows] + 0.1 * torch.randn_like(x[rows]) for x in layers]
        loss = nn.functional.mse_loss(reader(noisy), wanted[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            off = float((reader.eval()([x[held] for x in layers]) - wanted[held]).abs().mean())
        since += 1
        if off < best:
            best, finest, since = off, copy.deepcopy(reader.state_dict()), 0
        if since > PATIENCE:
            break
    reader.load_state_dict(finest)
    return reader.eval()


def _stacked(networks: list[list[Array]]) -> list[Array]:
    """By layer [networks, neurons, width]."""
    return [np.stack([network[k] for network in networks]) for k in range(len(networks[0]))]


def _reduced(own: list[Array], theirs: list[Array]) -> tuple[list[Tensor], list[Tensor]]:
    """Neurons standardised, those with many numbers by their strongest principal components."""
    reduced: Any = ([], [])
    for mine, other in zip(own, theirs, strict=True):
        flat = mine.reshape(-1, mine.shape[-1])
        mean, spread = flat.mean(axis=0), np.maximum(flat.std(axis=0), 1e-9)
        weights = np.eye(flat.shape[1])
        if flat.shape[1] > WIDEST:
            _, _, rows = np.linalg.svd((flat - mean)[:: max(1, len(flat) // 4_000)] / spread, full_matrices=False)
            weights = rows[:WIDEST].T
        scale = np.maximum(((flat - mean) / spread @ weights).std(axis=0), 1e-9)
        for part, out in zip((mine, other), reduced, strict=True):
            out.append(torch.from_numpy((part - mean) / spread @ weights / scale).float())
    return reduced[0], reduced[1]
