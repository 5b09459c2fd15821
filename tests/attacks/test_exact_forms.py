"""Models that are not linear and can be solved all the same, and what is seen before queries are spent on others."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    LogisticRegression,
    PoissonRegressor,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from torch import nn

from divulge.attacks.extraction.equation_solving import CHECKS, EquationSolving
from divulge.attacks.extraction.forms.straight import must_be_straight
from divulge.attacks.extraction.forms.written import Quadratic, linked, shares_against_rest, squares, unlinked
from divulge.attacks.extraction.last_layer import LastLayer
from divulge.attacks.extraction.lowd_meek import LowdMeek, together
from divulge.attacks.extraction.relu_network import ReluNetwork
from divulge.attacks.extraction.tree_paths import TreePathsByScores
from divulge.core.errors import Impossible
from divulge.core.results.metric import ARCHITECTURE_RECOVERED, FIDELITY_UNIFORM
from divulge.core.threat import PRESETS, Task
from divulge.targets.estimators.estimator_secrets import of_estimator
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.surrogates.students import BEST, SurrogateTrainer
from tests.attacks.extraction_games import MLAAS, blobs, fidelity, records, steal

OWN, HELD, POOL = blobs(300), blobs(200, seed=1), blobs(300, seed=2)
X = np.random.default_rng(0).uniform(-1, 1, (400, 4))
RATE = np.exp(X @ [0.5, -1.0, 0.2, 0.0] + 1)


@pytest.mark.parametrize(
    ("model", "link"),
    [
        (PoissonRegressor(alpha=0.01), np.log),
        (GammaRegressor(alpha=0.01), np.log),
        (TweedieRegressor(power=1.5, alpha=0.01), np.log),
        (HuberRegressor(), lambda y: y),
    ],
    ids=["poisson", "gamma", "tweedie", "huber"],
)
def test_a_generalized_linear_model_is_solved_by_as_many_queries_as_a_linear_one(model, link):
    model.fit(X, RATE)
    held = records(X, RATE, task=Task.REGRESSION)
    guess, theft, oracle = steal(SklearnTarget(model), held, EquationSolving())
    assert oracle.queries == 5 + CHECKS
    np.testing.assert_allclose(guess.parameters.arrays[0][0], model.coef_, atol=1e-9)
    assert theft.exact[0].recovered == theft.exact[0].values == 5
    answered = guess.surrogate.log_scores(held)
    np.testing.assert_allclose(link(answered), X @ model.coef_ + model.intercept_, atol=1e-9)


def test_links_and_their_inverses_by_hand():
    y = np.array([0.5, 1.0, 4.0])
    np.testing.assert_allclose(linked(y, "logarithm"), [-np.log(2), 0, np.log(4)])
    np.testing.assert_allclose(linked(y, "reciprocal"), [2, 1, 0.25])
    for link in ("identity", "logarithm", "reciprocal"):
        np.testing.assert_allclose(unlinked(linked(y, link), link), y)
    assert linked(-y, "logarithm") is None and linked(0 * y, "reciprocal") is None


def test_shares_against_the_rest_by_hand():
    shares = np.exp(shares_against_rest(np.array([[0.0, np.log(3)]])))
    np.testing.assert_allclose(shares, [[0.4, 0.6]])  # sigmoids of 1/2 and 3/4


def test_products_of_inputs_by_hand():
    np.testing.assert_array_equal(squares(np.array([[2.0, 3.0]]), crossed=False), [[1, 2, 3, 4, 9]])
    np.testing.assert_array_equal(squares(np.array([[2.0, 3.0]]), crossed=True), [[1, 2, 3, 4, 6, 9]])
    one = Quadratic(np.array([[0.0] * 5, [1.0, 2, 0, 0, -1]]), False, np.zeros(2), np.ones(2))
    odds = one.log_scores(records(np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([0, 1])))
    np.testing.assert_allclose(odds[:, 1] - odds[:, 0], -1.0)  # 1 + 2 - 4


@pytest.mark.parametrize(
    "model",
    [
        GaussianNB(),
        QuadraticDiscriminantAnalysis(reg_param=0.1),
        make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=2000)),
        OneVsRestClassifier(LogisticRegression()),
    ],
    ids=["naive Bayes", "quadratic", "products", "one against the rest"],
)
def test_models_with_a_formula_are_solved_whatever_it_is(model):
    target = SklearnTarget(model.fit(OWN.flat(), OWN.y))
    _, theft, oracle = steal(target, HELD, EquationSolving())
    assert fidelity(theft) == 1.0
    assert fidelity(theft, FIDELITY_UNIFORM) >= 0.999
    assert oracle.queries < 150


def test_every_plane_against_the_rest_is_found():
    model = OneVsRestClassifier(LogisticRegression()).fit(OWN.flat(), OWN.y)
    guess, theft, _ = steal(SklearnTarget(model), HELD, EquationSolving())
    np.testing.assert_allclose(guess.parameters.arrays[0], np.concatenate([m.coef_ for m in model.estimators_]), 1e-4)
    assert theft.exact[0].recovered == theft.exact[0].values == 21


@pytest.mark.parametrize("model", [DecisionTreeClassifier(max_depth=4), RandomForestClassifier(20)])
def test_steps_are_no_quadratics(model):
    with pytest.raises(Impossible, match="nor does another form"):
        steal(SklearnTarget(model.fit(OWN.flat(), OWN.y)), HELD, EquationSolving())


def test_planes_of_every_linear_estimator_are_known():
    for model in (LinearDiscriminantAnalysis(), SGDClassifier(random_state=0)):
        weights, _bias = of_estimator(model.fit(OWN.flat(), OWN.y)).parameters.arrays
        np.testing.assert_allclose(weights, model.coef_)
    assert of_estimator(RandomForestClassifier(3).fit(OWN.flat(), OWN.y)).parameters is None


def test_a_tree_of_values_is_found_by_its_values():
    y = X[:, 0] + X[:, 1] ** 2
    target = SklearnTarget(DecisionTreeRegressor(max_leaf_nodes=20).fit(X, y))
    held = records(X, y, task=Task.REGRESSION)
    pool = records(np.random.default_rng(1).uniform(-1, 1, (3000, 4)), np.zeros(3000), task=Task.REGRESSION)
    guess, _, oracle = steal(target, held, TreePathsByScores(20_000), pool)
    inside = np.random.default_rng(2).uniform(-1, 1, (2000, 4))
    answered = guess.surrogate.log_scores(records(inside, np.zeros(2000), task=Task.REGRESSION))
    assert np.mean(np.isclose(answered, target.estimator.predict(inside), rtol=1e-9)) > 0.99
    assert oracle.queries <= 20_000
    with pytest.raises(Impossible, match="no decision tree"):
        steal(SklearnTarget(PoissonRegressor().fit(X, RATE)), held, TreePathsByScores(), pool)


def test_classes_in_a_row_leave_the_scale_of_their_boundaries_open():
    x = np.random.default_rng(0).uniform(0, 3, (150, 3))
    row = records(x, np.digitize(x[:, 0] - x[:, 1], [-1, 1]))
    target = SklearnTarget(LogisticRegression(C=100).fit(x, row.y))
    guess, theft, _ = steal(target, row, LowdMeek(queries=4_000), row, threat=PRESETS["label-only"])
    assert fidelity(theft) >= 0.99
    assert guess.parameters is None and not theft.exact
    normals = {(0, 1): np.array([1.0, 0, 1]), (1, 2): np.array([0.0, 1, 1])}
    assert not together(normals, 3, 2)[2]
    assert together(normals | {(0, 2): np.array([1.0, 1, 2])}, 3, 2)[2]


def mlp(*between, kind=torch.float64):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), *between, nn.Linear(8, 3)).to(kind)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (mlp(nn.ReLU(), kind=torch.float32), "single precision"),
        (mlp(nn.ReLU(), kind=torch.bfloat16), "steps only, or are rounded"),
        (mlp(nn.GELU()), "bend nearly everywhere"),
        (mlp(nn.Tanh()), "bend nearly everywhere"),
    ],
    ids=["float32", "bfloat16", "gelu", "tanh"],
)
def test_what_is_no_network_of_relu_in_double_precision_costs_28_queries(module, why):
    x = np.random.default_rng(3).uniform(-1, 1, (200, 6))
    target, asked = TorchTarget(module), []
    answer = target.answer

    def counted(access, sent):
        asked.append(len(sent))
        return answer(access, sent)

    target.answer = counted
    with pytest.raises(Impossible, match=why):
        steal(target, records(x, np.arange(200) % 3), ReluNetwork(), threat=MLAAS)
    assert sum(asked) <= 28


def test_straight_pieces_pass_and_steps_do_not():
    rng = np.random.default_rng(0)
    w = rng.standard_normal((5, 30))
    must_be_straight(lambda z: np.maximum(z @ w, 0).sum(axis=1, keepdims=True), 5, rng)
    with pytest.raises(Impossible, match="steps"):
        must_be_straight(lambda z: np.floor(3 * z), 5, rng)
    with pytest.raises(Impossible, match="rounded"):
        must_be_straight(lambda z: np.round(z @ w, 8), 5, rng)


def test_neurons_that_are_hardly_ever_on_are_counted_and_dead_ones_are_not():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 12)).double()
    with torch.no_grad():
        module[0].bias[0], module[0].bias[1] = -100.0, -0.9 * float(module[0].weight[1].abs().sum()) * 0.7
    held = records(np.random.default_rng(5).uniform(-1, 1, (300, 8)), np.arange(300) % 12)
    guess, theft, _ = steal(TorchTarget(module), held, LastLayer())
    assert guess.claims[0].value in (4, 5)
    width = next(e for e in theft.exact if e.metric == ARCHITECTURE_RECOVERED)
    assert width.recovered == (guess.claims[0].value == 5)


def test_a_tree_is_copied_by_trees_and_a_line_by_lines():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (300, 4))
    steps = records(x, ((x[:, 0] > 0) ^ (x[:, 1] > 0.3)).astype(int))
    room = SurrogateTrainer(steps, 100)
    assert room.kinds[0] == BEST
    copy = room.teach(BEST, steps, steps.y, 0)
    assert type(copy.module).__name__ == "HistGradientBoostingClassifier"
