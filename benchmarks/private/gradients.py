"""DP-SGD by Opacus on digits, audited by an adversary who sees every noisy gradient (Nasr et al. 2023)."""

from __future__ import annotations

import numpy as np
from torch import nn

from divulge.claims.dp_training import DpTraining, dp_training
from divulge.data.arrays import from_arrays
from divulge.data.sources import digits
from divulge.defenses.accounting import epsilon_of
from divulge.defenses.training.dp_sgd import DpSgd
from divulge.training.recipes.pytorch import TorchRecipe

DELTA, RECORDS, BATCH, EPOCHS = 1e-5, 800, 200, 30
NOISE = {1.0: 10.4, 4.0: 3.2, 10.0: 1.62}
"""Multipliers with which such a training costs about so much."""


def network() -> nn.Module:
    """Enough weights for thousands of canaries."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))


def watched(noise: float, seed: int = 0) -> tuple[float, DpTraining]:
    """Epsilon by the accountant, and what the watch of one training shows."""
    source = digits()
    rows = np.random.default_rng(seed).permutation(len(source))[:RECORDS]
    (records,) = from_arrays([(source.x.reshape(len(source), -1)[rows], source.y[rows])])
    private = DpSgd(noise=noise)
    rate, steps = private.schedule(RECORDS, BATCH, EPOCHS)
    truth = epsilon_of(noise, DELTA, rate, steps)
    recipe = TorchRecipe(network, epochs=EPOCHS, batch_size=BATCH, learning_rate=1e-3)
    found = dp_training(
        lambda: private.fit(recipe, records, seed), RECORDS, claimed=truth * 1.01, delta=DELTA, seed=seed
    )
    return truth, found
