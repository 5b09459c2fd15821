"""Training records out of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from divulge.auditing.job import BoundRecipe
from divulge.core.results.exhibits import Quality
from divulge.data.arrays import from_arrays
from divulge.data.sources import digits, fashion_mnist
from divulge.games.rebuild import RebuildPlan
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.pytorch import TorchRecipe
from harness import Row
from rebuilding.playing import measure_of, median, played, share
from rebuilding.victims import Sets, dense, images, parted


def repeated(quick: bool) -> Iterator[Row]:
    """All training records but one are known, and the training can be repeated; then without its seed."""
    small = parted(images(digits(), 8), (600, 300, 897))
    makers: list[tuple[str, Sets, Any, int]] = [("digits, MLP", small, partial(dense, 64, 32), 30)]
    if not quick:
        fashion = parted(images(fashion_mnist(), 28), (1_000, 1_000, 6_000))
        makers.append(("Fashion-MNIST, MLP", fashion, partial(dense, 784, 32), 20))
    few = {"trainings": 150, "epochs": 10} if quick else {}
    for name, sets, factory, epochs in makers:
        recipe = BoundRecipe(TorchRecipe(factory, epochs=epochs, batch_size=64, learning_rate=3e-3), TorchTarget)
        target, plan = recipe.train(sets[0], 0), RebuildPlan(10 if quick else 60)
        for known in (True, False):
            found, _ = played("repeated_training", target, sets, plan, "informed", recipe, seed_known=known, **few)
            what = f"repeated training, {name}" if known else f"repeated training, {name}, seed not known"
            psnr = next(q for q in found.of(Quality) if q.name == "PSNR, dB")
            yield share(f"{what}: rebuilt", found, "records_rebuilt")
            yield median(f"{what}: PSNR, dB", found, "PSNR, dB")
            yield share(f"{what}: class told", found, "labels_counted")
            if known and name.startswith("digits") and not quick:
                more, _ = played("repeated_training", target, sets, plan, "informed", recipe, trainings=6_000)
                yield share(f"{what}, three times the trainings: rebuilt", more, "records_rebuilt")
                yield median(f"{what}, three times the trainings: PSNR, dB", more, "PSNR, dB")
            if known:
                blind = measure_of(found, "records_rebuilt").baseline
                yield Row(f"{what}: rebuilt without the model", float(np.mean(blind)))
                yield Row(f"{what}: PSNR without the model, dB", float(np.median(psnr.baseline)))


def weights_alone(quick: bool) -> Iterator[Row]:
    """Even or odd digits, 500 records, one hidden layer of 1,000 neurons, trained far beyond zero errors by steps that
    grow as the loss falls.
    """
    whole = images(digits(), 8)
    whole = from_arrays([(whole.x, whole.y % 2)])[0]
    sets = parted(whole, (500, 500, 797))
    middle = torch.as_tensor(sets[2].x.mean(axis=0).reshape(-1))

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.act, self.two = nn.Linear(64, 1_000), nn.ReLU(), nn.Linear(1_000, 1, bias=False)
            with torch.no_grad():
                self.one.weight.mul_(0.3)
                self.one.bias.mul_(0.3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(self.act(self.one(x.flatten(1) - middle)))

    torch.manual_seed(0)
    module = Wide()
    x, sign = torch.as_tensor(sets[0].x), torch.as_tensor(2 * sets[0].y - 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.02)
    for _ in range(800 if quick else 12_000):
        optimizer.zero_grad()
        loss = nn.functional.softplus(-(module(x)[:, 0] * sign).double()).mean()
        loss.backward()
        optimizer.param_groups[0]["lr"] = min(0.02 / max(float(loss), 1e-30), 1e9)
        optimizer.step()
    few = {"steps": 150, "candidates": 100} if quick else {}
    found, spent = played("kkt", module, sets, RebuildPlan(), "published-model", **few)
    nearer = measure_of(found, "guesses_nearer_training")
    bars = (None, None) if quick else (5.0, 0.0)
    yield Row("KKT on digits: guesses like a training record", sum(nearer.hits), bar=bars[0])
    yield Row("  and like an unseen one", sum(nearer.baseline), bar=bars[1], better="below")
    yield Row("KKT on digits: seconds", spent)
