"""A convolutional network on images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from divulge.core.records import Records
from divulge.data.sources import fashion_mnist
from divulge.training.recipes.pytorch import TorchRecipe
from harness import Row
from properties.playing import accuracy, error, fact_of, game, played, sides


class Small(nn.Module):
    """Two convolutions and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU())
        self.last = nn.Linear(16 * 25, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.body(x.reshape(len(x), 1, 28, 28)).flatten(1))


def pictures(quick: bool) -> Iterator[Row]:
    """Share of images brighter than the median of their class."""
    records = fashion_mnist()
    records = records.take(np.arange(3_000 if quick else 30_000))
    records = Records((records.x / 255.0).astype(np.float32), records.y, records.schema)
    light = records.x.reshape(len(records), -1).mean(axis=1)
    middle = np.array([np.median(light[records.y == c]) for c in range(10)])
    columns = {"bright": (light > middle[records.y]).astype(int)}
    made = TorchRecipe(Small, epochs=3 if quick else 8, batch_size=64, learning_rate=2e-3)
    count = {"victims": 24, "shadows": 24, "size": 300} if quick else {"victims": 60, "shadows": 120, "size": 1_000}
    dealt = game(made, sides(records, columns, 0), "share(bright == 1)", **count, queries=300 if quick else 1_000)
    for name, threat, attack_name in (
        ("black-box", "mlaas", "property_chosen"),
        ("KL test", "mlaas", "property_kl_test"),
        ("white-box, kernels", "published-model", "property_neurons"),
        ("white-box, parameters", "published-model", "property_parameters"),
        ("white-box, activations", "published-model", "property_activations"),
    ):
        found = played(dealt, attack_name, threat)
        yield accuracy(f"bright images, {name}", [found], 0)
        if fact_of(found).estimates:
            yield error(f"bright images, {name}", [found])
