"""The first layer over records that are mostly alike: the same sums, in another order."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from divulge.data.arrays import from_arrays
from divulge.training.networks import sparse_layer as sparse
from divulge.training.networks.sparse_layer import Apart, Sparse, apart
from divulge.training.recipes.pytorch import TorchRecipe

RNG = np.random.default_rng(0)
KEEP = np.stack([RNG.permutation(90) < 60 for _ in range(3)])


def table(records=90, columns=80, most=9, seed=0):
    """Rows that differ from a usual one in up to `most` columns, one in none."""
    rng = np.random.default_rng(seed)
    x = np.zeros((records, columns), dtype=np.float32)
    x[:, [3, 30]] = 1.0, -2.5
    for row in x[1:]:
        places = rng.choice(columns, rng.integers(1, most + 1), replace=False)
        row[places] = np.where(rng.random(len(places)) < 0.5, 1.0, rng.normal(size=len(places)))
    return from_arrays([(x, (x[:, :40].sum(axis=1) > 0).astype(int))])[0]


def network(bias=True, columns=80):
    return nn.Sequential(nn.Flatten(), nn.Linear(columns, 16, bias=bias), nn.ReLU(), nn.Linear(16, 2))


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_adding_up_is_multiplying(seed):
    x = torch.from_numpy(table(seed=seed).x)
    rows, models = torch.from_numpy(np.random.default_rng(seed).integers(0, 90, 3 * 7)), 3
    weight, bias = torch.randn(models, 80, 16), torch.randn(models, 1, 16)
    slopes, bias_slopes = torch.full_like(weight, torch.nan), torch.full_like(bias, torch.nan)
    layer = Sparse(apart(table(seed=seed)).usual, weight, slopes, bias, bias_slopes)
    dense = x[rows].view(models, 7, 80)
    bags = apart(table(seed=seed)).take(rows, models)
    torch.testing.assert_close(layer.forward(bags), dense @ weight + bias, atol=1e-4, rtol=1e-4)
    gradient = torch.randn(models, 7, 16)
    layer.backward(gradient, wanted=False)
    torch.testing.assert_close(slopes, dense.transpose(1, 2) @ gradient, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(bias_slopes, gradient.sum(dim=1, keepdim=True), atol=1e-4, rtol=1e-4)


def test_what_sets_records_apart_by_hand():
    x = np.zeros((3, 64), dtype=np.float32)
    x[:, 7] = 3.0, 3.0, 1.0
    x[0, [5, 9]], x[2, 63] = (2.0, -1.0), 4.0
    found = apart(from_arrays([(x, np.array([0, 1, 0]))])[0])
    assert found.usual.tolist() == [3.0 if column == 7 else 0.0 for column in range(64)]
    bags = found.take(torch.tensor([0, 1, 2, 2]), 2)
    assert bags.ends.tolist() == [0, 2, 2, 4, 6] and bags.models == 2
    assert bags.rows.tolist() == [5, 9, 64 + 7, 64 + 63, 64 + 7, 64 + 63]
    assert bags.values.tolist() == [2.0, -1.0, -2.0, 4.0, -2.0, 4.0]
    assert len(found.take(torch.tensor([0]), 1).rows) == 2, "what was taken before stays as it is"


@pytest.mark.parametrize("bias", [True, False])
def test_a_stack_over_bags_is_its_networks_trained_alone(bias, monkeypatch):
    records = table()
    asked = []
    monkeypatch.setattr(Apart, "take", lambda *a, take=Apart.take: asked.append(1) or take(*a))
    recipe = TorchRecipe(lambda: network(bias), epochs=3, batch_size=32, weight_decay=0.01)
    together = recipe.fit_stack(records, KEEP, [5, 6, 7])
    assert len(asked) == 6
    for model, row, seed in zip(together, KEEP, [5, 6, 7], strict=True):
        torch.testing.assert_close(weights(model), weights(recipe.fit(records.take(row), seed)), atol=1e-5, rtol=1e-4)


def test_multiplying_stays_where_it_is_faster(monkeypatch):
    def never(*_):
        raise AssertionError("bags were made")

    monkeypatch.setattr(Apart, "take", never)
    few = {"epochs": 1, "batch_size": 32}
    TorchRecipe(network, **few).fit_stack(table(most=30), KEEP, [1, 2, 3])
    TorchRecipe(network, **few).fit_stack(table(), KEEP, [1, 2, 3], half=True)
    narrow = TorchRecipe(lambda: nn.Sequential(nn.Linear(80, 8), nn.ReLU(), nn.Linear(8, 2)), **few)
    narrow.fit_stack(table(), KEEP, [1, 2, 3])
    dropped = TorchRecipe(lambda: nn.Sequential(nn.Dropout(), nn.Linear(80, 16), nn.Linear(16, 2)), **few)
    dropped.fit_stack(table(), KEEP, [1, 2, 3])
    assert apart(table(columns=40, most=3)) is None
    late = table(records=3_000)
    late.x[1_100:] = np.random.default_rng(0).normal(size=late.x[1_100:].shape)
    assert apart(late) is None, "the first records do not speak for the others"


def test_records_are_looked_through_once_and_forgotten():
    records = table()
    assert apart(records) is apart(records)
    before = len(sparse._FOUND)
    del records
    gc.collect()
    assert len(sparse._FOUND) < before
