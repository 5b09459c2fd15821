"""What of the training makes a model tell more or less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from divulge.core.game import Arm
from divulge.core.property_expression import columns_of
from divulge.core.records import Records
from divulge.core.threat import Access
from divulge.data.sources import census_income
from harness import Row
from properties.playing import EPOCHS, FEW, QUICK, accuracy, coded, error, game, network, played, recipe, sides


@dataclass
class Private:
    """DP-SGD: gradients record by record, cut to a norm of 1, and noise of `noise` times that on their sum."""

    inputs: int
    noise: float
    epochs: int = EPOCHS

    def __call__(self, records: Records, seed: int) -> nn.Module:
        torch.manual_seed(seed % 2**31)
        module = network(self.inputs)()
        x, y = torch.from_numpy(records.x), torch.from_numpy(records.y.astype(np.int64))
        values = dict(module.named_parameters())

        def loss(parameters: dict[str, torch.Tensor], row: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(functional_call(module, parameters, (row[None],)), label[None])

        each = vmap(grad(loss), in_dims=(None, 0, 0))
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
        for _ in range(self.epochs * len(x) // 128):
            rows = torch.nonzero(torch.rand(len(x)) < 128 / len(x))[:, 0]
            found = each({k: v.detach() for k, v in values.items()}, x[rows], y[rows])
            norm = torch.sqrt(sum(part.flatten(1).square().sum(1) for part in found.values()))  # type: ignore[arg-type]
            scale = torch.clamp(1 / norm, max=1.0)
            for name, parameter in values.items():
                total = torch.einsum("n,n...->...", scale, found[name])
                parameter.grad = (total + self.noise * torch.randn_like(total)) / 128
            optimizer.step()
        return module.eval()


def choices(quick: bool) -> Iterator[Row]:
    records = census_income()
    records = records.take(np.arange(FEW)) if quick else records
    x, columns = coded(records), columns_of(records)
    inputs = x.x.shape[1]
    halves = sides(x, columns, 0)
    count = QUICK if quick else {"victims": 96, "shadows": 128}
    varied: list[tuple[str, Any, dict[str, Any]]] = [
        ("as above (2,000 records, 32 units, 10 epochs)", recipe(inputs), {})
    ]
    varied += [(f"{size:,} records", recipe(inputs), {"size": size}) for size in (500, 8_000)]
    varied += [(f"{width} units", recipe(inputs, width), {}) for width in (8, 128)]
    varied += [(f"{epochs} epochs", recipe(inputs, epochs=epochs), {}) for epochs in (5, 20, 40)]
    varied += [(f"dropout {share}", recipe(inputs, dropout=share), {}) for share in (0.25, 0.5)]
    varied += [(f"DP-SGD, noise multiplier {noise}", Private(inputs, noise), {}) for noise in (0.5, 2.0)]
    held = halves[0].records.take(np.arange(2_000, 3_000) if quick else np.arange(20_000, 30_000))
    if quick:
        varied = [row for row in varied if row[0].startswith(("as above", "dropout 0.5"))]
    for name, made, settings in varied:
        dealt = game(made, halves, **(count | settings))
        found = played(dealt, "property_chosen", "mlaas")
        inside = played(dealt, "property_chosen", "published-model")
        world = dealt.world(dealt.designs[0], Arm.TARGET)
        right = np.mean([np.mean(m.answer(Access.LABEL, held) == held.y) for m in world.victims[:8]])
        yield Row(f"{name}: accuracy of the model", float(right))
        yield error("  from scores", [found])
        yield accuracy("  from scores", [found], 0)
        yield error("  from parameters too", [inside])
