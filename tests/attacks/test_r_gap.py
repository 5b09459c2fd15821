"""A single record, solved for layer by layer: known answers, a control, and what theory forbids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from divulge.core.errors import Impossible
from divulge.core.game import Arm
from divulge.data.arrays import from_arrays
from divulge.games.rebuild import RebuildPlan
from tests.attacks.reconstruction_games import SIDE, Convolutions, pictures, played, share

SETS = pictures(40, seed=1), pictures(40, seed=2), pictures(80, seed=3)
TWO = tuple(from_arrays([(r.x, r.y % 2)])[0] for r in SETS)
PLAN = RebuildPlan(4)


def dense(act, bias=True, classes=3):
    torch.manual_seed(0)
    layers = nn.Linear(SIDE**2, 30, bias), act, nn.Linear(30, 20, bias), act, nn.Linear(20, classes, bias)
    return nn.Sequential(nn.Flatten(), *layers).double()


def convolutional(act, bias=False, channels=6, classes=3):
    """Wide enough that weights and gradients determine every layer."""
    torch.manual_seed(0)
    body = (
        nn.Conv2d(1, channels, 3, padding=1, bias=bias),
        act,
        nn.Conv2d(channels, channels, 3, padding=1, bias=bias),
        act,
    )
    return nn.Sequential(
        nn.Unflatten(1, (1, SIDE)), *body, nn.Flatten(), nn.Linear(channels * SIDE**2, classes, bias)
    ).double()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("act", [nn.LeakyReLU(0.2), nn.Sigmoid(), nn.ReLU()], ids=lambda a: type(a).__name__)
def test_dense_networks_give_the_record_exactly(act, bias):
    assert share(played("r_gap", dense(act, bias), SETS, plan=PLAN), "records_exact") == 1


@pytest.mark.parametrize("bias", [True, False])
def test_convolutions_that_are_determined_give_the_record_exactly(bias):
    found = played("r_gap", convolutional(nn.LeakyReLU(0.2), bias), SETS, plan=RebuildPlan(2))
    assert share(found, "records_exact") == 1
    assert found.notes == ("of 2 of 2 records the gradient is the one that was sent",)


@pytest.mark.parametrize("bias", [True, False])
def test_one_output_for_two_classes(bias):
    assert share(played("r_gap", dense(nn.LeakyReLU(0.2), bias, classes=1), TWO, plan=PLAN), "records_exact") == 1


def test_other_records_do_not_come_out_and_the_easiest_does():
    module = dense(nn.LeakyReLU(0.2))
    assert share(played("r_gap", module, SETS, Arm.NEGATIVE, plan=PLAN), "records_exact") == 0
    assert share(played("r_gap", module, SETS, Arm.POSITIVE, plan=PLAN), "records_exact") == 1


def test_a_layer_of_too_low_a_rank_is_refused():
    """One channel that halves the side: 16 outputs and 9 weights for 64 pixels, of which one equation follows from the
    others (both sides give the sum of slopes times outputs).
    """
    torch.manual_seed(0)
    narrow = nn.Sequential(
        nn.Unflatten(1, (1, SIDE)), nn.Conv2d(1, 1, 3, 2, 1, bias=False), nn.LeakyReLU(), nn.Flatten(), nn.Linear(16, 3)
    )
    with pytest.raises(Impossible, match="24 of 64 unknowns are determined"):
        played("r_gap", narrow.double(), SETS, plan=PLAN)


def test_noise_is_seen_and_nothing_is_handed_in():
    noisy = played(
        "r_gap", dense(nn.LeakyReLU(0.2)), SETS, plan=PLAN,
        shield=lambda change, rng: tuple(c + 0.1 * rng.normal(size=c.shape) for c in change),
    )  # fmt: skip
    assert share(noisy, "records_rebuilt") == 0 and noisy.notes[-1].startswith("of 0 of 4")


def test_what_is_no_chain_and_what_is_no_single_record():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(SIDE**2, SIDE**2), nn.Linear(SIDE**2, 3)

        def forward(self, x):
            x = x.flatten(1)
            return self.two(x + self.one(x))

    for module, plan, why in (
        (Residual(), PLAN, "no chain"),
        (Convolutions(norm=True), PLAN, "BatchNorm2d is no layer"),
        (dense(nn.ReLU()), RebuildPlan(2, batch=2), "single records"),
    ):
        with pytest.raises(Impossible, match=why):
            played("r_gap", module, SETS, plan=plan)


def test_single_precision_is_enough_for_the_eye():
    module = dense(nn.LeakyReLU(0.2)).float()
    assert share(played("r_gap", module, SETS, plan=PLAN), "records_rebuilt") == 1 and np.isfinite(SETS[0].x).all()
