"""Explanations as a leak: slopes by hand, members told by flat ones, networks read off their jumps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from divulge.attacks.extraction.forms.explained_network import ExplainedNetwork
from divulge.attacks.membership.scores.explanation_variance import ExplanationVariance
from divulge.auditing.oracle import GrantedOracle
from divulge.core.errors import Impossible, TargetError
from divulge.core.results.trials import Scored
from divulge.core.threat import PRESETS, Access
from divulge.data.arrays import from_arrays
from divulge.stats.auc import auc
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.targets.wrappers.explained import Explained

from .extraction_games import OPEN, blobs, fidelity, steal


def binary(module):
    records = blobs(300, features=5, classes=2, seed=3)
    return TorchTarget(module.double()), records


def mlp(hidden=8, activation=nn.ReLU, inputs=5):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(inputs, hidden), activation(), nn.Linear(hidden, 2))


def test_slopes_of_a_logistic_model_by_hand():
    """p = 1 / (1 + exp(-z)), z = 2 x1 - x2: p (1 - p) (2, -1) for the second class, the negative for the first."""
    module = nn.Linear(2, 2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[0.0, 0.0], [2.0, -1.0]]))
        module.bias.zero_()
    (records,) = from_arrays([(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), np.array([1, 0, 1]))])
    said = TorchTarget(module.double()).answer(Access.EXPLANATIONS, records)
    p = 1 / (1 + np.exp(-np.array([2.0, -1.0, 0.5])))
    wanted = (p * (1 - p) * [1, -1, 1])[:, None] * [2.0, -1.0]
    np.testing.assert_allclose(said, wanted, rtol=1e-9)


def test_slopes_are_those_of_small_steps():
    target, records = binary(mlp(activation=nn.Tanh))
    few = records.take(np.arange(6))
    said, answer = target.answer(Access.EXPLANATIONS, few), target.answer(Access.LABEL, few)
    for place in range(5):
        sides = []
        for step in (1e-5, -1e-5):
            x = few.x.copy()
            x[:, place] += step
            scores = target.answer(Access.SCORES, from_arrays([(x, few.y)])[0])
            sides.append(np.exp(scores[np.arange(6), answer]))
        np.testing.assert_allclose(said[:, place], (sides[0] - sides[1]) / 2e-5, atol=1e-8)


def test_a_network_is_read_off_its_explanations():
    target, records = binary(mlp())
    guess, theft, oracle = steal(target, records, ExplainedNetwork(), threat=OPEN)
    asked = blobs(400, features=5, classes=2, seed=5)
    gap = np.abs(guess.surrogate.log_scores(asked) - target.answer(Access.SCORES, asked)).max()
    assert gap < 1e-6 and fidelity(theft) == 1.0 and oracle.queries < 20_000


@pytest.mark.parametrize("normed", [False, True], ids=["plain", "behind batch norm"])
def test_slopes_of_single_precision_tell_a_network_too(normed):
    """Rounding moves every slope by some 1e-6 of their size: it was taken for a model that is curved everywhere."""
    module = mlp()
    if normed:
        module.insert(1, nn.BatchNorm1d(8))
    records = blobs(300, features=5, classes=2, seed=3)
    target = TorchTarget(module.eval().float())
    guess, theft, _ = steal(target, records, ExplainedNetwork(), threat=OPEN)
    gap = guess.surrogate.log_scores(records) - target.answer(Access.SCORES, records)
    assert fidelity(theft) == 1.0 and np.abs(gap).max() < 1e-3


def test_a_linear_model_has_no_jump():
    target, records = binary(nn.Sequential(nn.Linear(5, 2)))
    guess, _, _ = steal(target, records, ExplainedNetwork(), threat=OPEN)
    assert len(guess.surrogate.model.w) == 0
    gap = guess.surrogate.log_scores(records) - target.answer(Access.SCORES, records)
    assert np.abs(gap).max() < 1e-9


@pytest.mark.parametrize(
    ("module", "classes", "reason"),
    [(mlp(activation=nn.Tanh), 2, "no network of ReLU"), (mlp(inputs=6), 3, "two classes")],
)
def test_what_it_is_not_of_is_refused(module, classes, reason):
    records = blobs(200, features=5 if classes == 2 else 6, classes=classes, seed=3)
    if classes == 3:
        module = nn.Sequential(nn.Linear(6, 3))
    with pytest.raises(Impossible, match=reason):
        steal(TorchTarget(module.double()), records, ExplainedNetwork(), threat=OPEN)


def overfitted(fit):
    """Records with noise for labels; a network that learned the members by heart, or others."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 12)).astype(np.float32), rng.integers(0, 2, 400)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(12, 128), nn.ReLU(), nn.Linear(128, 2))
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    rows = torch.arange(200) if fit == "members" else torch.as_tensor(rng.permutation(400)[:200])
    given, wanted = torch.as_tensor(x)[rows], torch.as_tensor(y)[rows]
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(given), wanted).backward()
        optimizer.step()
    return module.eval(), (x[:200], y[:200]), (x[200:], y[200:])


def told(module, members, others):
    """AUC of the attack, members in random order among others."""
    (records,) = from_arrays([(np.concatenate([members[0], others[0]]), np.concatenate([members[1], others[1]]))])
    oracle = GrantedOracle(TorchTarget(module), PRESETS["published-model"], Access.EXPLANATIONS)
    guess = ExplanationVariance().run(SimpleNamespace(target=oracle, candidates=records))
    rows = np.arange(400)
    return auc(Scored(guess.scores, rows < 200, rows, rows)).interval(0.05), oracle.queries


def test_flat_explanations_give_members_away():
    (low, _), queries = told(*overfitted("members"))
    assert low > 0.55 and queries == 400


def test_of_a_model_that_saw_half_of_both_sides_nothing_is_told():
    (low, high), _ = told(*overfitted("others"))
    assert low < 0.5 < high


def test_the_variance_of_an_explanation_by_hand():
    target = SimpleNamespace(ask=lambda port, records: np.array([[1.0, 3.0], [2.0, 2.0]]))
    guess = ExplanationVariance().run(SimpleNamespace(target=target, candidates=None))
    assert guess.scores[0] == 0.0 and guess.scores[1] > 600, "variances 1 and 0"


def test_an_explainer_beside_a_model_is_asked():
    records = blobs(60, classes=3)
    inner = SklearnTarget(LogisticRegression().fit(records.flat(), records.y))
    shown = Explained(inner, lambda x: np.stack([x * k for k in range(3)], axis=2), "times its class")
    answer = inner.answer(Access.LABEL, records)
    assert Access.EXPLANATIONS in shown.offers and shown.fingerprint() != inner.fingerprint()
    np.testing.assert_array_equal(shown.answer(Access.EXPLANATIONS, records), records.x * answer[:, None])
    np.testing.assert_array_equal(shown.answer(Access.LABEL, records), answer)
    with pytest.raises(TargetError, match="gave 2 explanations"):
        Explained(inner, lambda x: np.zeros((2, 4)), "too few").answer(Access.EXPLANATIONS, records)


def test_an_interface_of_scores_explains_nothing():
    assert not PRESETS["mlaas"].grants(Access.EXPLANATIONS) and PRESETS["published-model"].grants(Access.EXPLANATIONS)
