"""Whole batches out of the gradient of a layer before a ReLU: known answers, a control, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from divulge.attacks.reconstruction.gradients.spear import Layer, factored
from divulge.core.errors import Impossible
from divulge.core.game import Arm
from divulge.games.rebuild import RebuildPlan
from tests.attacks.reconstruction_games import Convolutions, dense, pictures, played, share


def layer_of(x: np.ndarray, neurons: int, seed: int) -> Layer:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(x.shape[1], neurons), nn.ReLU(), nn.Linear(neurons, 10))
    loss = nn.functional.cross_entropy(net(torch.as_tensor(x)), torch.arange(len(x)) % 10)
    slopes, lift = torch.autograd.grad(loss, list(net[0].parameters()))
    parts = net[0].weight.detach(), net[0].bias.detach(), slopes, lift
    return Layer(*(part.double().numpy() for part in parts))


@pytest.mark.parametrize(("batch", "neurons"), [(1, 40), (2, 60), (5, 100), (8, 150), (10, 200)])
def test_a_batch_comes_out_whole_and_in_single_precision(batch, neurons):
    rng = np.random.default_rng(batch)
    x = rng.normal(size=(batch, 64)).astype(np.float32)
    found, agreed = factored(layer_of(x, neurons, batch), batch, 40_000, rng)
    assert found.shape == x.shape and agreed > 0.99
    assert all(np.abs(found - own).max(axis=1).min() < 1e-2 for own in x)


def test_other_records_do_not_come_out():
    rng = np.random.default_rng(0)
    x, others = rng.normal(size=(2, 4, 64)).astype(np.float32)
    found, _ = factored(layer_of(others, 80, 0), 4, 20_000, rng)
    assert all(np.abs(found - own).max(axis=1).min() > 0.5 for own in x)


def test_a_gradient_of_nothing_gives_nothing():
    flat = np.zeros((6, 5))
    found, agreed = factored(Layer(np.ones((6, 5)), np.zeros(6), flat, np.zeros(6)), 2, 100, np.random.default_rng(0))
    assert found.shape == (0, 5) and agreed == 0


SETS = pictures(60, seed=1), pictures(60, seed=2), pictures(100, seed=3)


def test_it_is_played_on_batches_and_refuses_what_it_cannot_read():
    module, plan = dense(hidden=80), RebuildPlan(3, batch=2)
    assert share(played("spear", module, SETS, plan=plan), "records_rebuilt") >= 0.5
    assert share(played("spear", module, SETS, Arm.NEGATIVE, plan=plan), "records_rebuilt") <= 0.2
    smooth = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.Tanh(), nn.Linear(20, 3))
    for other, how, why in (
        (smooth, plan, "zeros that a ReLU leaves"),
        (Convolutions(), plan, "dense first layer"),
        (module, RebuildPlan(3, batch=4, steps=2), "several local steps"),
        (dense(hidden=4), RebuildPlan(2, batch=5), "no smaller than the layer"),
    ):
        with pytest.raises(Impossible, match=why):
            played("spear", other, SETS, plan=how)
