"""A variational autoencoder of tables (TVAE, Xu et al. 2019), for demonstrations and benchmarks: `tvae(table, seed)`.

Quantities by modes (a mode of a Gaussian mixture, and where in it), other values one of many; two hidden layers either
way; the loss is twice the reconstruction, Gaussian with a learned width and cross-entropies, and the divergence.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from divulge.core.hashing import Array
from divulge.workflows.synthesizers import CodedColumn, Synthesizer, coded_table

if TYPE_CHECKING:
    import pandas as pd

MODES, FEWEST = 10, 0.005
"""Of a quantity's mixture at most, and the least weight of a mode."""

HIDDEN, LATENT, BATCH, RATE, DECAY, RECONSTRUCTION = (128, 128), 128, 200, 1e-3, 1e-5, 2.0

OFTEN = 0.25
"""Share of the rows from which on a value of a quantity is a kind of its own (CTAB-GAN, Zhao et al. 2021)."""

EPOCHS = 300
"""As in the paper.  600 rows take as many as 900 steps."""


@dataclass(frozen=True, eq=False)
class Modes:
    """How a column is written down.  means, widths: of a quantity's modes; none where it is no quantity.  alone: what
    else a quantity may hold, each as a kind of its own behind the modes: a value that is common, and nothing.  size: of
    the one-of-many.  low, high: the bounds of a quantity.
    """

    means: Array
    widths: Array
    alone: tuple[float, ...]
    size: int
    low: float = -np.inf
    high: float = np.inf

    @classmethod
    def of(cls, column: CodedColumn, numbers: Array, seed: int) -> Modes:
        """Those of a column [rows]."""
        if column.values is not None:
            return cls(np.zeros(0), np.zeros(0), (), len(column.values))
        known = numbers[~np.isnan(numbers)]
        values, counts = np.unique(known, return_counts=True)
        common = tuple(values[counts > OFTEN * len(known)].tolist()[:1]) if len(values) > MODES else ()
        alone = (*common, *([np.nan] if len(known) < len(numbers) else []))
        means, widths = _mixture(known[~np.isin(known, common)], column.fill, seed)
        bounds = (float(values[0]), float(values[-1])) if len(values) else (-np.inf, np.inf)
        return cls(means, widths, alone, len(means) + len(alone), *bounds)

    @property
    def quantity(self) -> bool:
        """Whether a number within a mode belongs to it."""
        return bool(len(self.means))

    def written(self, numbers: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Where each value lies in its mode, from -1 to 1, [rows] (0 of what is no quantity), and which kind [rows]."""
        if not self.quantity:
            return np.zeros(len(numbers)), numbers.astype(int)
        filled = np.where(np.isnan(numbers), self.means[0], numbers)
        apart = (filled[:, None] - self.means) / self.widths
        log = -0.5 * apart**2 - np.log(self.widths)
        which = (log + rng.gumbel(size=log.shape)).argmax(axis=1)  # drawn by how likely each mode is
        inside = np.clip(apart[np.arange(len(which)), which] / 4, -0.99, 0.99)
        for kind, value in enumerate(self.alone, start=len(self.means)):
            there = np.isnan(numbers) if np.isnan(value) else numbers == value
            inside, which = np.where(there, 0.0, inside), np.where(there, kind, which)
        return inside, which

    def read(self, inside: Array, which: Array) -> Array:
        """The values again [rows]."""
        if not self.quantity:
            return np.asarray(which, dtype=np.float64)
        mode = np.minimum(which, len(self.means) - 1)
        values = np.clip(np.clip(inside, -1, 1) * 4 * self.widths[mode] + self.means[mode], self.low, self.high)
        for kind, value in enumerate(self.alone, start=len(self.means)):
            values = np.where(which == kind, value, values)
        return np.asarray(values)


def _mixture(known: Array, fill: float, seed: int) -> tuple[Array, Array]:
    """Means and widths of the modes of a quantity's values."""
    count = min(MODES, len(np.unique(known)))
    if count < 2:
        return known[:1] if len(known) else np.array([fill]), np.ones(1)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    mixture = BayesianGaussianMixture(
        n_components=count, weight_concentration_prior=1e-3, max_iter=100, random_state=seed % 2**32
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(known[:, None])
    kept = mixture.weights_ > FEWEST
    means, widths = mixture.means_[kept, 0], np.sqrt(mixture.covariances_[kept, 0, 0])
    return means, np.maximum(widths, 1e-6 * (np.std(known) or 1.0))


class TableVae(nn.Module):
    """columns: of each its modes.  A row is a number and a one-of-many for a quantity, the latter for others."""

    def __init__(self, columns: list[Modes]) -> None:
        super().__init__()
        self.columns = columns
        width = sum(c.size + c.quantity for c in columns)
        first, second = HIDDEN
        self.encoder = nn.Sequential(nn.Linear(width, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(second, LATENT), nn.Linear(second, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, second), nn.ReLU(), nn.Linear(second, first), nn.ReLU(), nn.Linear(first, width)
        )
        self.width = nn.Parameter(torch.full((len(columns),), 0.1))

    def loss(self, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Of each row [rows], twice the negative log-likelihood and the divergence.  noise: [rows, LATENT]."""
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        made = self.decoder(mean + noise * torch.exp(0.5 * log_variance))
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1)
        lost, place, widths = torch.zeros(len(x)), 0, self.width.clamp(0.01, 1.0)
        for number, column in enumerate(self.columns):
            if column.quantity:
                apart = x[:, place] - torch.tanh(made[:, place])
                lost = lost + apart**2 / (2 * widths[number] ** 2) + torch.log(widths[number])
                place += 1
            span = slice(place, place + column.size)
            lost = lost - (x[:, span] * torch.log_softmax(made[:, span], dim=1)).sum(dim=1)
            place += column.size
        each: torch.Tensor = RECONSTRUCTION * lost + divergence
        return each

    def rows(self, count: int, rng: np.random.Generator) -> Array:
        """So many rows [count, columns] as numbers; modes and values are drawn."""
        with torch.no_grad():
            latent = torch.as_tensor(rng.normal(size=(count, LATENT)), dtype=torch.float32)
            made, widths = self.decoder(latent).numpy(), self.width.clamp(0.01, 1.0).numpy()
        found, place = [], 0
        for number, column in enumerate(self.columns):
            inside = np.zeros(count)
            if column.quantity:
                inside = np.tanh(made[:, place]) + widths[number] * rng.normal(size=count)
                place += 1
            scores = made[:, place : place + column.size]
            found.append(column.read(inside, (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)))
            place += column.size
        return np.stack(found, axis=1)


def tvae(table: pd.DataFrame, seed: int, epochs: int = EPOCHS) -> Synthesizer:
    """Fitted by Adam in batches; the network is `parts["network"]`."""
    columns, numbers = coded_table(table)
    rng = np.random.default_rng(seed)
    modes = [Modes.of(c, x, seed) for c, x in zip(columns, numbers.T, strict=True)]
    written = torch.as_tensor(_written(modes, numbers, rng), dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**32)
        network = TableVae(modes)
    learned = torch.optim.Adam(network.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(epochs):
        order = rng.permutation(len(written))
        for start in range(0, len(order), BATCH):
            x = written[order[start : start + BATCH]]
            noise = torch.as_tensor(rng.normal(size=(len(x), LATENT)), dtype=torch.float32)
            learned.zero_grad()
            network.loss(x, noise).mean().backward()  # type: ignore[no-untyped-call]
            learned.step()
    return Synthesizer(columns, network.rows, {"network": network})


def _written(modes: list[Modes], numbers: Array, rng: np.random.Generator) -> Array:
    parts = []
    for column, values in zip(modes, numbers.T, strict=True):
        inside, which = column.written(values, rng)
        if column.quantity:
            parts.append(inside[:, None])
        parts.append(np.eye(column.size)[which])
    return np.concatenate(parts, axis=1)
