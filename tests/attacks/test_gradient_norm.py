from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

import divulge
from divulge.core.errors import AccessDenied
from divulge.core.results.finding import Played, Refused
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.targets.networks.pytorch import TorchTarget


def test_the_gradient_of_a_softmax_regression_by_hand():
    """dL/dW = (p - e_y) x', so its norm is |p - e_y| |x|; dL/db = p - e_y."""
    torch.manual_seed(0)
    module = nn.Linear(5, 3)
    x = np.random.default_rng(0).normal(size=(130, 5)).astype(np.float32)
    (records,) = from_arrays([(x, np.arange(130) % 3)])
    p = torch.softmax(module(torch.from_numpy(x)), dim=1).detach().numpy()
    apart = np.linalg.norm(p - np.eye(3)[records.y], axis=1)
    norms = TorchTarget(module).answer(Access.GRADIENTS, records)
    np.testing.assert_allclose(norms, np.column_stack([apart * np.linalg.norm(x, axis=1), apart]), rtol=1e-4)


def build():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16).astype(np.float32), y[order]
    y[::5] = np.random.default_rng(1).integers(0, 10, len(y[::5]))
    recipe = divulge.TorchRecipe(build, epochs=60, batch_size=32)
    model = recipe.fit(from_arrays([(x[:400], y[:400])])[0], seed=0)
    return divulge.audit(
        model,
        (x[:400], y[:400]),
        (x[400:800], y[400:800]),
        (x[800:1200], y[800:1200]),
        threat="published-model",
        recipe=recipe,
        attacks=["gradient_norm"],
        out=tmp_path_factory.mktemp("gradient") / "r",
    )


def test_it_finds_members_and_its_controls_behave(run):
    (area,) = (f for f in run.findings if f.metric == "auc")
    assert area.low > 0.5 and area.positive_control > 0.55
    assert abs(area.control - 0.5) < 0.065


def test_nobody_sees_gradients_through_an_interface(tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 64)).astype(np.float32)
    members, nonmembers = (x[:40], np.arange(40) % 10), (x[40:], np.arange(40) % 10)
    run = divulge.audit(build(), members, nonmembers, recipe=None, attacks=["gradient_norm"], out=tmp_path / "a")
    assert "it needs gradients" in run.outcomes[0].result.reason
    flat = LogisticRegression(max_iter=500).fit(*members)
    other = divulge.audit(
        flat, members, nonmembers, threat="published-model", attacks=["gradient_norm", "loss"], out=tmp_path / "b"
    )
    results = {o.attack: o.result for o in other.outcomes}
    assert isinstance(results["gradient_norm"], Refused) and isinstance(results["loss"], Played)
    assert "does not offer gradients" in results["gradient_norm"].reason


def test_an_attack_that_asks_for_scores_gets_no_gradients():
    from divulge.auditing.oracle import GrantedOracle

    (records,) = from_arrays([(np.zeros((4, 64)), [0, 1, 2, 3])])
    oracle = GrantedOracle(TorchTarget(build()), divulge.PRESETS["published-model"], Access.SCORES)
    with pytest.raises(AccessDenied):
        oracle.gradient_norms(records)
