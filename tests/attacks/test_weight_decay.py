"""The strength of weight decay from weights and training data: known by construction."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from torch import nn

from divulge.attacks.extraction.forms.decay import of_descent, of_module, of_perceptron
from divulge.core.errors import Impossible

X = np.random.default_rng(3).standard_normal((80, 4))
Y = X @ [1.0, -2.0, 0.5, 0.0] + np.random.default_rng(4).standard_normal(80)
THREE = np.digitize(Y, [-1, 1])
REST = {"solver": "lbfgs", "max_iter": 20_000, "tol": 1e-12, "max_fun": 100_000, "random_state": 0}


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (MLPClassifier((5,), activation="tanh", alpha=0.7, **REST), THREE),
        (MLPClassifier((5,), activation="logistic", alpha=0.7, **REST), (Y > 0).astype(int)),
        (MLPRegressor(hidden_layer_sizes=(4, 3), activation="tanh", alpha=2.0, **REST), Y),
    ],
    ids=["three classes", "two classes", "two hidden layers of values"],
)
def test_the_decay_of_a_perceptron_at_rest_is_told(model, y):
    assert of_perceptron(model.fit(X, y), X, y)["alpha"] == pytest.approx(model.alpha, rel=0.01)


def test_a_perceptron_that_has_not_come_to_rest_tells_nothing():
    model = MLPClassifier((5,), max_iter=20, random_state=0).fit(X, THREE)
    with pytest.raises(Impossible, match=r"left|not end"):
        of_perceptron(model, X, THREE)


def test_units_that_rest_on_a_kink_are_named():
    model = MLPClassifier((5,), alpha=0.5, **REST).fit(X, THREE)
    with pytest.raises(Impossible, match="on their kink"):
        of_perceptron(model, X, THREE)


@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge", "modified_huber", "squared_error"])
def test_the_penalty_of_a_descent_at_rest_is_told_whatever_its_smooth_loss(loss):
    model = SGDClassifier(loss, alpha=0.2, learning_rate="adaptive", eta0=0.05, max_iter=4_000, tol=1e-9)
    model.set_params(n_iter_no_change=10, random_state=0, average=False).fit(X, (Y > 0).astype(int))
    assert of_descent(model, X, (Y > 0).astype(int))["alpha"] == pytest.approx(0.2, rel=0.01)


def test_the_penalty_of_a_regression_by_descent_is_told_and_a_kink_is_refused():
    how = {"alpha": 0.3, "learning_rate": "adaptive", "eta0": 0.05, "max_iter": 4_000, "tol": 1e-10, "random_state": 0}
    model = SGDRegressor(**how, n_iter_no_change=10).fit(X, Y)
    assert of_descent(model, X, Y)["alpha"] == pytest.approx(0.3, rel=0.01)
    with pytest.raises(Impossible, match="kinks"):
        of_descent(SGDClassifier("hinge").fit(X, THREE), X, THREE)


def test_the_decay_of_a_module_is_told_where_its_training_has_ended():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)).double()
    matrices = [module[0].weight, module[2].weight]
    search = torch.optim.LBFGS(module.parameters(), max_iter=600, tolerance_grad=1e-12, tolerance_change=1e-14)
    x, y = torch.as_tensor(X), torch.as_tensor(THREE)

    def objective():
        search.zero_grad()
        loss = nn.functional.cross_entropy(module(x), y) + 0.02 / 2 * sum((w**2).sum() for w in matrices)
        loss.backward()
        return loss

    before = of_refusal(module)
    search.step(objective)
    assert "left" in before
    assert of_module(module, X, THREE)["weight_decay"] == pytest.approx(0.02, rel=0.01)


def of_refusal(module):
    with pytest.raises(Impossible) as refusal:
        of_module(module, X, THREE)
    return str(refusal.value)
