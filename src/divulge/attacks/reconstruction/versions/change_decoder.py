"""Networks that learn from a change of answers what a model was updated with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from divulge.attacks.reconstruction.decoder import fit
from divulge.core.hashing import Array

BATCH = 64
LATENT = 64


class ChangeDecoder:
    """An encoder of changes to what a decoder of records understands, and a second one to shares of classes."""

    def __init__(self, width: int, epochs: int, seed: int) -> None:
        self._width, self._epochs, self._seed = width, epochs, seed

    def learn(self, public: Array, changes: Array, wanted: Array, shares: Array) -> ChangeDecoder:
        """public: [records, values in 0 to 1], for the autoencoder.  changes: [updates, features].  wanted: [updates,
        records, values]; shares: of the classes, [updates, classes].
        """
        self._records = wanted.shape[1]
        self._middle, self._spread = changes.mean(axis=0), np.maximum(changes.std(axis=0), 1e-12)
        x, y, s, p = self._scaled(changes), _tensor(wanted), _tensor(shares), _tensor(public)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            self._decoder = nn.Sequential(
                nn.Linear(LATENT, self._width), nn.ReLU(), nn.Linear(self._width, public.shape[1]), nn.Sigmoid()
            )
            autoencoder = nn.Sequential(self._encoder(public.shape[1], LATENT), self._decoder)
            fit(autoencoder, len(p), lambda r: nn.functional.mse_loss(autoencoder(p[r]), p[r]), self._epochs, BATCH)
            self._shares = self._encoder(x.shape[1], shares.shape[1])
            fit(
                self._shares,
                len(x),
                lambda r: nn.functional.cross_entropy(self._shares(x[r]), s[r]),
                self._epochs,
                BATCH,
            )
            self._inner = self._encoder(x.shape[1], LATENT * self._records)
            whole = nn.ModuleList([self._inner, self._decoder])
            fit(whole, len(x), lambda r: _best_match(self._rebuilt(x[r]), y[r]), self._epochs, BATCH)
        return self

    def tell(self, changes: Array) -> tuple[Array, Array]:
        """Records [updates, records, values] and shares of the classes [updates, classes]."""
        with torch.inference_mode():
            x = self._scaled(changes)
            return self._rebuilt(x).double().numpy(), self._shares(x).softmax(dim=1).double().numpy()

    def _encoder(self, given: int, out: int) -> nn.Sequential:
        half = self._width // 2
        return nn.Sequential(
            nn.Dropout(0.2 if given > LATENT else 0.0),
            nn.Linear(given, self._width),
            nn.LeakyReLU(0.2),
            nn.Linear(self._width, half),
            nn.LeakyReLU(0.2),
            nn.Linear(half, out),
        )

    def _scaled(self, changes: Array) -> Tensor:
        return _tensor((changes - self._middle) / self._spread)

    def _rebuilt(self, x: Tensor) -> Tensor:
        latent = self._inner(x).reshape(len(x), self._records, LATENT)
        rebuilt: Tensor = self._decoder(latent)
        return rebuilt


def _tensor(values: Array) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float32)


def _best_match(rebuilt: Tensor, truth: Tensor) -> Tensor:
    """Mean over true records of the squared error of the nearest guess."""
    errors = ((rebuilt[:, None, :, :] - truth[:, :, None, :]) ** 2).mean(dim=3)
    return errors.amin(dim=2).mean()
