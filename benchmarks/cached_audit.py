"""What does a second audit cost?  The whole membership audit of a network, with an empty cache and with a full one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import nn

import divulge
from divulge.core.hashing import derived_rng
from divulge.data.arrays import from_arrays
from divulge.data.sources import fashion_mnist
from harness import Row, main, seconds


def network() -> nn.Module:
    """784-256-10."""
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def measure(quick: bool) -> Iterator[Row]:
    """Seconds of both, and their ratio; equal findings are part of the bargain."""
    records = fashion_mnist()
    part = records.take(derived_rng(0, "cached audit").permutation(len(records))[:10_000])
    x, y = part.x.reshape(len(part), -1), part.y
    recipe = divulge.TorchRecipe(network, epochs=10 if quick else 30)
    model = recipe.fit(from_arrays([(x[:5000], y[:5000])])[0], seed=0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIVULGE_CACHE"] = str(Path(folder) / "cache")
        runs: list[divulge.Run] = []

        def audit() -> None:
            out = Path(folder) / str(len(runs))
            members, nonmembers = (x[:5000], y[:5000]), (x[5000:], y[5000:])
            runs.append(divulge.audit(model, members, nonmembers, recipe=recipe, shadows=16, out=out))

        first, second = seconds(audit), seconds(audit)
    yield Row("seconds, empty cache", first)
    yield Row("seconds, full cache", second)
    yield Row("times as fast", first / second, bar=None if quick else 20)
    values = [np.array([f.value or 0.0 for f in run.findings]) for run in runs]
    yield Row(
        "largest difference between the findings", float(np.abs(values[0] - values[1]).max()), bar=0, better="below"
    )


if __name__ == "__main__":
    main("What does a second audit cost?", measure)
