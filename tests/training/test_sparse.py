"""The first layer over records that are mostly zeros: the same sums, in another order."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from divulge.data.arrays import from_arrays
from divulge.training import sparse
from divulge.training.pytorch import TorchRecipe
from divulge.training.sparse import Filled, Sparse, filled

RNG = np.random.default_rng(0)
KEEP = np.stack([RNG.permutation(90) < 60 for _ in range(3)])


def table(records=90, columns=80, most=9, seed=0):
    """Rows with up to `most` values that are not zero, one without any."""
    rng = np.random.default_rng(seed)
    x = np.zeros((records, columns), dtype=np.float32)
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
    layer = Sparse(weight, slopes, bias, bias_slopes)
    dense = x[rows].view(models, 7, 80)
    bags = filled(table(seed=seed)).take(rows, models)
    torch.testing.assert_close(layer.forward(bags), dense @ weight + bias, atol=1e-4, rtol=1e-4)
    gradient = torch.randn(models, 7, 16)
    layer.backward(gradient, wanted=False)
    torch.testing.assert_close(slopes, dense.transpose(1, 2) @ gradient, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(bias_slopes, gradient.sum(dim=1, keepdim=True), atol=1e-4, rtol=1e-4)


def test_what_is_not_zero_by_hand():
    x = np.zeros((3, 64), dtype=np.float32)
    x[0, [5, 9]], x[2, 63] = (2.0, -1.0), 4.0
    found = filled(from_arrays([(x, np.array([0, 1, 0]))])[0])
    assert found.columns.tolist() == [[5, 9], [0, 0], [63, 0]]
    assert found.values.tolist() == [[2.0, -1.0], [0.0, 0.0], [4.0, 0.0]] and found.inputs == 64


@pytest.mark.parametrize("bias", [True, False])
def test_a_stack_over_bags_is_its_networks_trained_alone(bias, monkeypatch):
    records = table()
    asked = []
    monkeypatch.setattr(Filled, "take", lambda *a, take=Filled.take: asked.append(1) or take(*a))
    recipe = TorchRecipe(lambda: network(bias), epochs=3, batch_size=32, weight_decay=0.01)
    together = recipe.fit_stack(records, KEEP, [5, 6, 7])
    assert len(asked) == 6
    for model, row, seed in zip(together, KEEP, [5, 6, 7], strict=True):
        torch.testing.assert_close(weights(model), weights(recipe.fit(records.take(row), seed)), atol=1e-5, rtol=1e-4)


def test_multiplying_stays_where_it_is_faster(monkeypatch):
    def never(*_):
        raise AssertionError("bags were made")

    monkeypatch.setattr(Filled, "take", never)
    few = {"epochs": 1, "batch_size": 32}
    TorchRecipe(network, **few).fit_stack(table(most=30), KEEP, [1, 2, 3])
    TorchRecipe(network, **few).fit_stack(table(), KEEP, [1, 2, 3], half=True)
    narrow = TorchRecipe(lambda: nn.Sequential(nn.Linear(80, 8), nn.ReLU(), nn.Linear(8, 2)), **few)
    narrow.fit_stack(table(), KEEP, [1, 2, 3])
    dropped = TorchRecipe(lambda: nn.Sequential(nn.Dropout(), nn.Linear(80, 16), nn.Linear(16, 2)), **few)
    dropped.fit_stack(table(), KEEP, [1, 2, 3])
    assert filled(table(columns=40, most=3)) is None
    late = table(records=300)
    late.x[200] = 1.0
    assert filled(late) is None, "one full record is enough"


def test_records_are_looked_through_once_and_forgotten():
    records = table()
    assert filled(records) is filled(records)
    before = len(sparse._FOUND)
    del records
    gc.collect()
    assert len(sparse._FOUND) < before
