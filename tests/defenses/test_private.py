"""DP-SGD: two accountants agree, noise follows from epsilon, and the watch on its steps catches planted bugs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from opacus.optimizers import DPOptimizer
from opacus.utils.uniform_sampler import UniformWithReplacementSampler
from safetensors.torch import save_file
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from typer.testing import CliRunner

import divulge
from divulge.claims.dp_training import dp_training
from divulge.cli.app import app
from divulge.core.errors import InputError
from divulge.data.arrays import from_arrays
from divulge.defenses.accounting import cost_of, gaussian_cost, gaussian_epsilon, gaussian_noise_for, noise_for
from divulge.defenses.training.dp_sgd import DpSgd
from divulge.training.recipes.sklearn import SklearnRecipe
from tests.defenses.nets import BASE, accuracy, digits, under

SHORT = replace(BASE, epochs=5)
CLAIMED = DpSgd(epsilon=1.0)


def test_the_gaussian_mechanism_by_its_closed_form():
    """Balle and Wang 2018, theorem 8: delta(epsilon) = Phi(1/2s - es) - e^e Phi(-1/2s - es)."""
    for epsilon, delta in ((0.5, 1e-5), (1.0, 1e-6), (8.0, 1e-5)):
        s = gaussian_noise_for(epsilon, delta)
        found = norm.cdf(0.5 / s - epsilon * s) - np.exp(epsilon) * norm.cdf(-0.5 / s - epsilon * s)
        assert found == pytest.approx(delta, rel=1e-6)
        assert gaussian_cost(s, delta) == pytest.approx(epsilon, rel=1e-3)
        assert gaussian_epsilon(s, delta) == pytest.approx(epsilon, rel=1e-6)
    assert gaussian_epsilon(1 / 3, 1e-5) == pytest.approx(gaussian_cost(1 / 3, 1e-5), rel=1e-3)


@pytest.mark.parametrize(
    ("noise", "rate", "steps"), [(1.0, 0.1, 100), (4.0, 0.064, 78), (0.8, 0.02, 500), (2.0, 1.0, 30)]
)
def test_two_accountants_agree(noise, rate, steps):
    told = cost_of(noise, 1e-5, rate, steps)
    assert told.opacus == pytest.approx(told.dp_accounting, rel=0.01)
    if rate == 1.0:
        assert told.dp_accounting == pytest.approx(gaussian_cost(noise / steps**0.5, 1e-5), rel=0.01)


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 8.0])
def test_the_noise_costs_what_was_asked_for(epsilon):
    noise = noise_for(epsilon, 1e-5, 0.1, 100)
    assert 0.97 * epsilon < cost_of(noise, 1e-5, 0.1, 100).stated <= epsilon


def test_equal_seeds_give_equal_private_models_and_less_noise_better_ones():
    members, unseen, _ = digits(400, 400, 400)
    strict, loose = under(DpSgd(epsilon=0.2)), under(DpSgd(noise=0.05, learning_rate=0.02))
    one, same = loose.fit(members, 3), loose.fit(members, 3)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), same.state_dict().values(), strict=True))
    assert accuracy(one, unseen) > 0.75 > accuracy(strict.fit(members, 3), unseen)
    assert not any(hasattr(p, "grad_sample") for p in one.parameters())


def test_layers_in_which_records_meet_are_replaced():
    members, _, _ = digits(400, 400, 400)

    def layers():
        return nn.Sequential(
            nn.Flatten(), nn.Unflatten(1, (64, 1)), nn.BatchNorm1d(64), nn.Flatten(), nn.Linear(64, 10)
        )

    made = under(CLAIMED, base=replace(SHORT, factory=layers)).fit(members, 0)
    assert not any(isinstance(m, nn.BatchNorm1d) for m in made.modules())


def test_a_linear_model_of_scikit_learn_gets_private_weights():
    x, y = load_breast_cancer(return_X_y=True)
    (records,) = from_arrays([(x, y)])
    recipe = under(DpSgd(epsilon=8.0), base=SklearnRecipe(make_pipeline(StandardScaler(), LogisticRegression())))
    model = recipe.fit(records, 0)
    assert model.score(x, y) > 0.9 and model[-1].coef_.shape == (1, 30)
    assert (recipe.fit(records, 0)[-1].coef_ == model[-1].coef_).all()
    from sklearn.tree import DecisionTreeClassifier

    with pytest.raises(InputError, match="networks of PyTorch and linear classifiers"):
        under(CLAIMED, base=SklearnRecipe(DecisionTreeClassifier())).fit(records, 0)


def watched(defense=CLAIMED, seed=0):
    members, _, _ = digits(800, 400, 400)
    return dp_training(lambda: defense.fit(SHORT, members, seed), len(members), claimed=1.0, seed=seed)


def test_an_honest_training_is_not_accused():
    for seed in range(3):
        found = watched(seed=seed)
        assert found.verdict == "not found" and not found.faults, found.faults
        assert found.noise_low <= CLAIMED.multiplier(*CLAIMED.schedule(800, 64, 5)) * 1.01
        assert max(found.one_run, found.by_step) <= 1.0 and found.by_step > 0.3
        assert found.done == pytest.approx(1.0, abs=0.08) and found.poisson and found.clipped


def test_a_tenth_of_the_noise_is_caught():
    rate, steps = CLAIMED.schedule(800, 64, 5)
    found = watched(DpSgd(noise=CLAIMED.multiplier(rate, steps) / 10))
    assert found.verdict == "leak" and found.by_step > 1 and any("was claimed" in f for f in found.faults)


def test_gradients_that_are_not_clipped_are_caught(monkeypatch):
    def unclipped(self):
        for p in self.params:
            p.summed_grad = self._get_flat_grad_sample(p).sum(dim=0)

    monkeypatch.setattr(DPOptimizer, "clip_and_accumulate", unclipped)
    found = watched()
    assert found.verdict == "leak" and not found.clipped and "not clipped" in found.faults[0]


def test_samples_of_fixed_size_are_caught(monkeypatch):
    def shuffled(self):
        for _ in range(self.steps):
            size = int(self.sample_rate * self.num_samples)
            yield torch.randperm(self.num_samples, generator=self.generator)[:size].tolist()

    monkeypatch.setattr(UniformWithReplacementSampler, "__iter__", shuffled)
    found = watched()
    assert found.verdict == "leak" and not found.poisson and found.clipped
    assert "not Poisson samples" in found.faults[0] and found.done > 1.5


def test_the_optimizer_is_left_as_it_was_and_a_training_without_it_is_said():
    plain = DPOptimizer.add_noise
    watched()
    with pytest.raises(InputError, match="0 steps of Opacus"):
        dp_training(lambda: None, 100, claimed=1.0)
    with pytest.raises(ZeroDivisionError):
        dp_training(lambda: 1 / 0, 100, claimed=1.0)
    assert DPOptimizer.add_noise is plain


def test_an_audit_file_trains_private_shadow_models_in_workers_from_a_file_of_its_own(tmp_path):
    """The module that builds the network lies beside the audit file, where no worker would look for it."""
    members, unseen, _ = digits(200, 200, 400)
    for name, part in (("members", members), ("nonmembers", unseen)):
        np.savez(tmp_path / f"{name}.npz", x=part.x, y=part.y)
    (tmp_path / "private_net_beside.py").write_text(
        "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    save_file(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).state_dict(), tmp_path / "net.safetensors")
    audit = {
        "target": {"kind": "torch", "path": "net.safetensors", "factory": "private_net_beside.py:build"},
        "data": {"members": "members.npz", "nonmembers": "nonmembers.npz"},
        "recipe": {"kind": "torch", "epochs": 10},
        "defenses": [{"dp_sgd": {"epsilon": 2.0}}],
        "attacks": ["lira"],
        "shadows": 4,
    }
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump(audit))
    done = CliRunner().invoke(app, ["audit", str(tmp_path / "audit.yaml"), "--out", str(tmp_path / "runs")])
    assert done.exit_code in (0, 1), done.output
    run = divulge.Run.open(next((tmp_path / "runs").glob("*/run.json")).parent)
    assert run.result.facts.name.endswith("with dp_sgd")
    assert any(line.startswith("DP-SGD: epsilon ") and "by dp-accounting" in line for line in run.result.training)
    call = ["epsilon", str(tmp_path / "audit.yaml"), "--out", str(tmp_path / "runs"), "--watch", "--claimed"]
    honest, false = (CliRunner().invoke(app, [*call, claim]) for claim in ("2", "0.5"))
    assert (honest.exit_code, false.exit_code) == (0, 1), honest.output + false.output
    assert "The claim is refuted." in false.stdout and "0.5 was claimed" in false.stdout
