"""Attacks that recover a model exactly: derivable answers, other models as controls, refusals."""

import itertools
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import is_classifier
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from divulge.attacks.extraction.equation_solving import CHECKS, EquationSolving
from divulge.attacks.extraction.last_layer import LastLayer
from divulge.attacks.extraction.lowd_meek import LowdMeek
from divulge.attacks.extraction.objectives import Strength, ratio, solve
from divulge.attacks.extraction.piecewise import Kinked, extract, kinks, random_line
from divulge.attacks.extraction.regularization import Regularization
from divulge.attacks.extraction.relu_network import ReluNetwork, sided
from divulge.attacks.extraction.relu_network_from_labels import ReluNetworkFromLabels
from divulge.attacks.extraction.tree_paths import TreePaths, TreePathsByScores
from divulge.core.errors import AccessDenied, Impossible
from divulge.core.game import Arm
from divulge.core.results.exhibits import CopyQuality
from divulge.core.results.metric import (
    ARCHITECTURE_RECOVERED,
    FIDELITY_UNIFORM,
    HYPERPARAMETERS_RECOVERED,
    PARAMETERS_RECOVERED,
)
from divulge.core.results.policy import Policy
from divulge.core.threat import PRESETS, Task
from divulge.core.views.extraction import Claim, ExtractionGuess, Secrets
from divulge.games.secrets import recoveries
from divulge.stats.exact import weigh_exact
from divulge.targets.estimators.estimator_secrets import of_estimator
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget
from tests.attacks.extraction_games import MLAAS, OPEN, blobs, fidelity, records, steal

OWN, HELD, POOL = blobs(300), blobs(200, seed=1), blobs(300, seed=2)


def network(*shape: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for a, b in itertools.pairwise(shape):
        parts += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*parts[:-1]).double()


def inputs(count: int, features: int, classes: int = 2, seed: int = 5):
    x = np.random.default_rng(seed).uniform(-1, 1, (count, features))
    return records(x, np.arange(count) % classes)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(MinMaxScaler(), StandardScaler(), LogisticRegression()),
        LinearSVC(),
    ],
    ids=["softmax", "scaled", "scaled twice", "svm"],
)
def test_linear_models_are_solved_with_one_query_an_unknown(model):
    _guess, theft, oracle = steal(SklearnTarget(model.fit(OWN.flat(), OWN.y)), HELD, EquationSolving())
    assert oracle.queries == 7 + CHECKS
    (found,) = theft.exact
    assert found.recovered == found.values == 21
    assert found.worst < 1e-9
    assert fidelity(theft) == fidelity(theft, FIDELITY_UNIFORM) == 1.0
    (quality,) = theft.of(CopyQuality)
    assert quality.divergence == pytest.approx(0, abs=1e-12)


def test_two_classes_and_regression_are_solved_too():
    own, held = blobs(300, classes=2), blobs(200, classes=2, seed=1)
    _, theft, _ = steal(SklearnTarget(LogisticRegression().fit(own.flat(), own.y)), held, EquationSolving())
    assert theft.exact[0].worst < 1e-9
    y = own.flat() @ np.arange(6.0) + 3
    target = SklearnTarget(LinearRegression().fit(own.flat(), y))
    data = records(own.flat(), y, task=Task.REGRESSION)
    guess, theft, _ = steal(target, data, EquationSolving())
    np.testing.assert_allclose(guess.parameters.arrays[0], [np.arange(6.0)], atol=1e-9)
    assert fidelity(theft) == 1.0


def test_what_is_stolen_from_another_model_does_not_pass_for_this_one():
    target = SklearnTarget(LogisticRegression().fit(OWN.flat(), OWN.y))
    for attack in (EquationSolving(), LowdMeek()):
        _, theft, _ = steal(target, HELD, attack, POOL, arm=Arm.NEGATIVE)
        assert theft.exact[0].recovered <= 2
        assert fidelity(theft) < 0.75


def test_planes_that_explain_no_further_answers_are_not_handed_in():
    model = MLPClassifier((8,), activation="tanh", max_iter=2000, random_state=0)
    target = SklearnTarget(model.fit(OWN.flat(), OWN.y))
    with pytest.raises(Impossible, match=f"no planes explain {CHECKS} further answers"):
        steal(target, HELD, EquationSolving())


def test_scores_too_faint_to_tell_a_logit_are_asked_for_again_nearer_by():
    model = LogisticRegression().fit(OWN.flat(), OWN.y)
    model.coef_ *= 20  # scores down to 1e-100
    _, theft, oracle = steal(SklearnTarget(model), HELD, EquationSolving())
    assert theft.exact[0].recovered == theft.exact[0].values
    assert oracle.queries > 7 + CHECKS


def test_one_query_a_plane_is_all_where_no_more_may_be_asked():
    target = SklearnTarget(LogisticRegression().fit(OWN.flat(), OWN.y))
    _, theft, oracle = steal(target, HELD, EquationSolving(), threat=MLAAS.with_budget(7))
    assert oracle.queries == 7 and theft.exact[0].recovered == 21


def test_the_planes_between_pairs_of_classes_are_not_taken_for_those_of_classes():
    pairwise, two = SVC(kernel="linear").fit(OWN.flat(), OWN.y), blobs(300, classes=2)
    assert of_estimator(pairwise).parameters is None  # three pairs of three classes: as many rows as classes
    assert of_estimator(SVC(kernel="linear").fit(two.flat(), two.y)).parameters is not None


def test_the_budget_is_asked_for_before_it_is_spent():
    target = SklearnTarget(LogisticRegression().fit(OWN.flat(), OWN.y))
    with pytest.raises(Impossible, match="7 queries"):
        steal(target, HELD, EquationSolving(), threat=MLAAS.with_budget(6))


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_labels_alone_give_linear_models_up_to_scale(classes):
    own, held, pool = (blobs(300, classes=classes, seed=s) for s in range(3))
    target = SklearnTarget(LogisticRegression(C=10).fit(own.flat(), own.y))
    guess, theft, _ = steal(target, held, LowdMeek(), pool, threat=PRESETS["label-only"])
    assert guess.parameters.up_to_scale
    assert theft.exact[0].recovered == theft.exact[0].values
    assert theft.exact[0].worst < 1e-6
    assert fidelity(theft) == 1.0


def test_two_classes_that_meet_in_a_corner_are_followed_there():
    """Classes nearly in a row, as a perceptron of 1, 2, 3 puts them: most ways from the first to the last lead through
    the second, and without their own boundary a twelfth of the answers are wrong.
    """
    rng = np.random.default_rng(0)
    sets = [rng.uniform(0, 3, (300, 4)) for _ in range(3)]
    model = LogisticRegression().fit(sets[0], np.arange(300) % 3)
    model.coef_ = np.array([[-13.7, 13.5, 0.3, 1.7], [-1.8, -2.4, 1.2, -0.4], [13.3, -11.1, 0.8, -1.0]])
    model.intercept_ = np.array([-2.0, -2.0, -10.0])
    own, held, pool = (records(x, model.predict(x)) for x in sets)
    assert set(np.unique(own.y)) == {0, 1, 2}
    _, theft, _ = steal(SklearnTarget(model), held, LowdMeek(), pool, threat=PRESETS["label-only"])
    assert fidelity(theft) == 1.0 and theft.exact[0].recovered == theft.exact[0].values


def test_labels_alone_tell_that_a_boundary_bends():
    x = np.random.default_rng(0).standard_normal((400, 4))
    round_ = records(x, (np.linalg.norm(x, axis=1) > 1.9).astype(int))
    target = SklearnTarget(SVC(C=100).fit(x, round_.y))
    with pytest.raises(Impossible, match=r"bends|follow"):
        steal(target, round_, LowdMeek(), round_)


def test_every_reachable_leaf_of_a_tree_is_found():
    for depth in (1, 3, 8):
        target = SklearnTarget(DecisionTreeClassifier(max_depth=depth, random_state=0).fit(OWN.flat(), OWN.y))
        _, theft, _ = steal(target, HELD, TreePaths(), threat=OPEN)
        (leaves,) = theft.exact
        assert leaves.recovered == leaves.values == target.estimator.get_n_leaves()
        assert fidelity(theft) == fidelity(theft, FIDELITY_UNIFORM) == 1.0


def test_a_leaf_that_no_whole_number_reaches_does_not_count():
    x = np.array([[0.0], [1.0], [2.0], [3.0]] * 20)
    y = np.tile([0, 1, 0, 1], 20)
    held = records(x, y)
    target = SklearnTarget(DecisionTreeClassifier().fit(x, y))
    _, theft, oracle = steal(target, held, TreePaths(), threat=OPEN)
    assert theft.exact[0].values == theft.exact[0].recovered == 4
    assert oracle.queries <= 4


def test_a_tree_is_found_by_its_scores_too_and_its_decoy_is_another_tree():
    target = SklearnTarget(DecisionTreeClassifier(max_depth=6, random_state=0).fit(OWN.flat(), OWN.y))
    _, theft, oracle = steal(target, HELD, TreePathsByScores(50_000), POOL)
    assert fidelity(theft) > 0.97
    assert oracle.queries <= 50_000
    _, theft, _ = steal(target, HELD, TreePathsByScores(20_000), POOL, arm=Arm.NEGATIVE)
    assert fidelity(theft) < 0.6
    with pytest.raises(Impossible, match="no decision tree"):
        steal(SklearnTarget(LogisticRegression().fit(OWN.flat(), OWN.y)), HELD, TreePathsByScores(), POOL)


def test_leaves_are_seen_only_where_they_are_granted():
    target = SklearnTarget(DecisionTreeClassifier().fit(OWN.flat(), OWN.y))
    with pytest.raises(AccessDenied, match="leaf identities"):
        steal(target, HELD, TreePaths())


def test_kinks_of_a_known_function_are_where_they_are():
    places = np.array([-3.0, -0.25, 0.1, 7.0])
    found, jumps, _ = kinks(lambda t: np.maximum(t[:, None] - places, 0) @ np.array([[1.0], [-2], [0.5], [4]]), -50, 60)
    np.testing.assert_allclose(found, places, atol=1e-9)
    np.testing.assert_allclose(jumps[:, 0], [1, -2, 0.5, 4], atol=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 8), st.integers(1, 6), st.integers(1, 4), st.integers(0, 10_000))
def test_any_network_of_one_hidden_layer_is_recovered(inputs_, hidden, outputs, seed):
    rng = np.random.default_rng(seed)
    w, b = rng.standard_normal((hidden, inputs_)), rng.standard_normal(hidden)
    a, c = rng.standard_normal((hidden, outputs)), rng.standard_normal(outputs)

    def f(z):
        return np.maximum(z @ w.T + b, 0) @ a + c

    model = extract(f, lambda: random_line(rng, inputs_), inputs_, outputs, 8, idle=2)
    z = rng.uniform(-1, 1, (500, inputs_))
    np.testing.assert_allclose(model.value(z), f(z), atol=1e-5 * max(1, np.abs(f(z)).max()))


def test_a_linear_function_has_no_neurons():
    rng = np.random.default_rng(0)
    model = extract(lambda z: z @ np.ones((4, 1)), lambda: random_line(rng, 4), 4, 1, 3)
    assert len(model.b) == 0
    assert sided(model) is None
    np.testing.assert_allclose(model.slope, np.ones((1, 4)), atol=1e-8)
    assert Kinked.flat(4, 1).value(np.zeros((3, 4))).shape == (3, 1)


@pytest.mark.parametrize(("shape", "layers"), [((10, 6, 1), 1), ((10, 8, 4), 1), ((20, 10, 6, 3), 2)])
def test_relu_networks_are_recovered_to_the_last_weight(shape, layers):
    held = inputs(500, shape[0], max(shape[-1], 2))
    target = TorchTarget(network(*shape))
    _guess, theft, _ = steal(target, held, ReluNetwork(layers))
    assert fidelity(theft) == fidelity(theft, FIDELITY_UNIFORM) == 1.0
    assert theft.exact[0].recovered == theft.exact[0].values
    assert theft.exact[0].worst < 1e-4


def test_a_neuron_that_never_switches_leaves_the_copy_right_and_its_weights_unknown():
    module = network(8, 6, 4, 3)
    module[2].bias.data[0] += 50
    guess, theft, _ = steal(TorchTarget(module), inputs(500, 8, 3), ReluNetwork(2))
    assert fidelity(theft) == fidelity(theft, FIDELITY_UNIFORM) == 1.0
    assert guess.parameters is None


def test_a_network_that_is_no_such_network_is_refused():
    held = inputs(200, 6)
    torch.manual_seed(0)
    smooth = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    with pytest.raises(Impossible):
        steal(TorchTarget(smooth), held, ReluNetwork())
    with pytest.raises(Impossible):
        steal(TorchTarget(network(6, 5, 4, 2)), held, ReluNetwork(1))
    single = records(held.flat().astype(np.float32), held.y)
    with pytest.raises(Impossible, match="double precision"):
        steal(TorchTarget(network(6, 5, 2).float()), single, ReluNetwork())


@pytest.mark.parametrize(
    ("shape", "seed"),
    [
        ((5, 3, 1), 0),
        ((6, 5, 2), 2),
        pytest.param((6, 4, 1), 0, marks=pytest.mark.slow),
        pytest.param((10, 6, 1), 1, marks=pytest.mark.slow),
    ],
)
def test_labels_alone_give_a_relu_network_up_to_scale(shape, seed):
    module = network(*shape, seed=seed)
    held = inputs(1_000, shape[0])
    with torch.no_grad():  # so that both classes are common
        out = module(torch.from_numpy(held.flat()))
        module[-1].bias -= out.median(dim=0).values + 1e-3
    guess, theft, oracle = steal(TorchTarget(module), held, ReluNetworkFromLabels(), threat=PRESETS["label-only"])
    assert fidelity(theft) == 1.0
    assert fidelity(theft, FIDELITY_UNIFORM) >= 0.9999
    if guess.parameters is not None:
        assert theft.exact[0].recovered == theft.exact[0].values
    assert oracle.queries < 1_000_000


def test_bends_of_a_smooth_boundary_explain_nothing():
    x = np.random.default_rng(0).uniform(-1, 1, (400, 5))
    round_ = records(x, ((x**2).sum(axis=1) > 1.6).astype(int))
    target = SklearnTarget(SVC(C=100).fit(x, round_.y))
    with pytest.raises(Impossible, match="bends"):
        steal(target, round_, ReluNetworkFromLabels(15_000))
    with pytest.raises(Impossible, match="two classes"):
        steal(TorchTarget(network(6, 4, 3)), inputs(90, 6, 3), ReluNetworkFromLabels())


@pytest.mark.parametrize("hidden", [3, 11, 18])
def test_the_hidden_width_is_the_rank_of_the_logits(hidden):
    held = inputs(200, 8, 20)
    guess, theft, oracle = steal(TorchTarget(network(8, 30, hidden, 20)), held, LastLayer())
    assert guess.claims[0].value == hidden
    assert oracle.queries == 500
    width = next(e for e in theft.exact if e.metric == ARCHITECTURE_RECOVERED)
    assert width.recovered == 1
    spanned = next(e for e in theft.exact if e.metric == PARAMETERS_RECOVERED)
    assert spanned.recovered == spanned.values == 20 * hidden


def test_a_layer_as_wide_as_there_are_classes_is_not_told():
    with pytest.raises(Impossible, match="fall nowhere"):
        steal(TorchTarget(network(8, 30, 20)), inputs(200, 8, 20), LastLayer())


X = np.random.default_rng(3).standard_normal((80, 5))
Y = X @ [1, -2, 0, 0.5, 3.0] + np.random.default_rng(4).standard_normal(80)


def logistic(**how):
    return LogisticRegression(tol=1e-9, max_iter=50_000, **how)


SLOW = {"tol": 1e-12, "max_iter": 1_000_000}


@pytest.mark.parametrize(
    ("model", "true"),
    [
        (Ridge(0.3), {"alpha": 0.3}),
        (Lasso(0.2, tol=1e-12), {"alpha": 0.2}),
        (ElasticNet(0.1, l1_ratio=0.4, tol=1e-12), {"alpha": 0.1, "l1_ratio": 0.4}),
        (KernelRidge(alpha=0.5, kernel="rbf"), {"alpha": 0.5}),
        (RidgeClassifier(0.7), {"alpha": 0.7}),
        (RidgeClassifier(0.7, class_weight="balanced"), {"alpha": 0.7}),
        (logistic(C=0.6), {"C": 0.6}),
        (logistic(C=0.5, class_weight="balanced"), {"C": 0.5}),
        (logistic(C=0.5, class_weight={0: 1, 1: 7}), {"C": 0.5}),
        (logistic(C=0.5, solver="liblinear"), {"C": 0.5}),
        (logistic(C=0.5, solver="liblinear", l1_ratio=1), {"C": 0.5}),
        (logistic(C=0.5, solver="saga", l1_ratio=0.3), {"C": 0.5, "l1_ratio": 0.3}),
        (LinearSVC(C=0.05, **SLOW), {"C": 0.05}),
        (LinearSVC(C=0.05, class_weight="balanced", **SLOW), {"C": 0.05}),
        (LinearSVC(C=0.3, penalty="l1", dual=False, **SLOW), {"C": 0.3}),
        (LinearSVC(C=0.3, fit_intercept=False, **SLOW), {"C": 0.3}),
        (SVC(C=0.4), {"C": 0.4}),
        (SVC(C=0.4, class_weight="balanced"), {"C": 0.4}),
        (SVR(C=0.4, epsilon=0.2), {"C": 0.4, "epsilon": 0.2}),
    ],
    ids=lambda v: type(v).__name__,
)
def test_the_regularization_strength_follows_from_parameters_and_data(model, true):
    y = (Y > 0).astype(int) if is_classifier(model) else Y
    found = solve(model.fit(X, y), X, y)
    assert {name: strength.value for name, strength in found.items()} == pytest.approx(true, rel=1e-3)
    assert all(found[name].low <= value * (1 + 1e-3) for name, value in true.items())
    assert all(found[name].high >= value * (1 - 1e-3) for name, value in true.items())


def test_against_the_rest_only_the_class_itself_is_weighted():
    x, y = load_iris(return_X_y=True)
    y = np.where(np.arange(len(y)) % 7 == 0, 0, y)
    model = LinearSVC(C=0.3, class_weight="balanced", tol=1e-9, max_iter=1_000_000).fit(x, y)
    assert solve(model, x, y)["C"].value == pytest.approx(0.3, rel=1e-4)


def test_the_hinge_loss_leaves_records_on_the_margin_as_unknowns():
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)[:300]
    model = LinearSVC(C=0.3, loss="hinge", tol=1e-9, max_iter=100_000).fit(x, y[:300])
    assert solve(model, x, y[:300])["C"].value == pytest.approx(0.3, rel=1e-6)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (SVC(C=1e6), "every larger C"),  # the classes are separated: nothing lies inside the margin
        (LogisticRegression(max_iter=1), "gradient is left"),
    ],
    ids=["separated", "interrupted"],
)
def test_a_strength_that_does_not_show_is_not_handed_in(model, why):
    y = (X[:, 0] + X[:, 1] > 0).astype(int) if isinstance(model, SVC) else (Y > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    with pytest.raises(Impossible, match=why):
        solve(model, X, y)


SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky")


@pytest.mark.parametrize("strength", [0.05, 1.0, 10.0, 100.0, 1e6])
@pytest.mark.parametrize("solver", SOLVERS)
def test_how_far_the_solver_went_bounds_the_strength(solver, strength):
    """At a tolerance of 1e-4 a weak penalty is lost in what is left of the gradient: the ends say how much."""
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    model = LogisticRegression(C=strength, solver=solver, max_iter=5_000).fit(x, y)
    found = solve(model, x, y)["C"]
    assert found.low <= strength <= found.high and found.low <= found.value <= found.high
    if strength <= 100:
        assert found.high / found.low < 8


def test_no_penalty_is_a_strength_without_an_upper_end():
    found = solve(logistic(C=np.inf).fit(X, (Y > 0).astype(int)), X, (Y > 0).astype(int))["C"]
    assert found.high == np.inf and found.low > 1_000


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_of_a_grid_that_was_searched_one_value_is_left():
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    model = LogisticRegressionCV(Cs=3, cv=3).fit(x, y)
    assert solve(model, x, y)["C"] == Strength.exactly(float(np.ravel(model.C_)[0]))
    assert Strength(2.0, 0.5, 20.0).on(np.array([1.0, 10.0])) == Strength(2.0, 0.5, 20.0)  # both may be it


def test_the_ends_by_hand():
    """|1 - 2 lambda| and |3 - 5 lambda| at most 0.5: lambda lies in [0.25, 0.75] and [0.5, 0.7]."""
    found = ratio(np.array([1.0, 3.0]), np.array([-2.0, -5.0]), slack=0.5)
    assert (found.low, found.high) == pytest.approx((0.5, 0.7)) and found.value == pytest.approx(17 / 29)
    assert found.inverse().low == pytest.approx(1 / 0.7) and found.inverse().high == pytest.approx(2)
    assert Strength(0.1, -0.2, 0.5).inverse() == Strength(10.0, 2.0, np.inf)


@pytest.mark.parametrize(
    ("true", "low", "high", "recovered", "chance"),
    [(10.0, 8.0, 12.0, 1, 0.0), (10.0, 11.0, 12.0, 0, 0.0), (10.0, 0.5, np.inf, 1, 1.0), (1.0, 0.99, 1.01, 1, 1.0)],
    ids=["found", "missed", "says no more than the default", "is the default"],
)
def test_a_strength_is_judged_against_whoever_names_the_default(true, low, high, recovered, chance):
    guess = ExtractionGuess(claims=(Claim("C", np.sqrt(low * min(high, 100.0)), low=low, high=high),))
    (found,), _ = recoveries(guess, Secrets(settings={"C": true}, defaults={"C": 1.0}), (np.zeros(1),) * 3)
    assert (found.recovered, found.chance) == (recovered, (chance,))
    assert weigh_exact(found, Policy()).p_value == (1.0 if chance or not recovered else pytest.approx(0, abs=1e-12))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_default_is_that_of_the_estimator_and_none_of_one_that_searches():
    y = (Y > 0).astype(int)
    assert of_estimator(LogisticRegression(C=5).fit(X, y)).defaults == {"C": 1.0}
    assert of_estimator(LogisticRegressionCV(Cs=3, cv=3).fit(X, y)).defaults == {}


def test_records_with_weights_of_their_own_are_noticed():
    y = (Y > 0).astype(int)
    model = logistic().fit(X, y, sample_weight=np.random.default_rng(0).uniform(0, 3, len(X)))
    with pytest.raises(Impossible, match="weights of their own"):
        solve(model, X, y)


def far_from_separable(*classes):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((120, 3))
    return x, np.digitize(x[:, 0] + rng.standard_normal(120), classes), rng.uniform(0.2, 3, 120)


@pytest.mark.parametrize(
    ("model", "classes"), [(SVC(C=3.0), [0]), (SVC(C=3.0), [-1, 1]), (SVR(C=3.0, epsilon=0.2), None)]
)
def test_dual_coefficients_at_several_bounds_are_of_weighted_records(model, classes):
    x, y, weight = far_from_separable(*(classes or [0]))
    y = y if classes else x[:, 0] + np.random.default_rng(1).standard_normal(120)
    assert solve(model.fit(x, y), x, y)["C"].value == pytest.approx(3.0)
    with pytest.raises(Impossible, match="weights of their own"):
        solve(model.fit(x, y, sample_weight=weight), x, y)


def test_one_record_on_the_wrong_side_tells_the_strength_of_a_machine_of_several_classes():
    y = np.repeat(np.arange(3), 20)
    x = np.random.default_rng(2).normal(0, 0.1, (60, 2)) + np.column_stack([5 * y, 0 * y])
    x[0] = [5.0, 0.1]  # among the second class
    model = SVC(kernel="linear", C=0.7, tol=1e-8).fit(x, y)
    assert 1 <= (np.abs(model.dual_coef_) > 0.7 - 1e-9).sum() <= 2
    assert solve(model, x, y)["C"].value == pytest.approx(0.7)


@pytest.mark.parametrize("model", [Ridge(alpha=0.0), logistic(C=np.inf)])
def test_a_model_without_a_penalty_is_not_taken_for_weighted_records(model):
    y = Y if isinstance(model, Ridge) else (Y > 0).astype(int)
    try:
        assert solve(model.fit(X, y), X, y)["C"].high == np.inf
    except Impossible as error:
        assert "without a penalty" in str(error)


def test_labels_are_matched_by_name_whatever_their_order():
    y = np.where(Y > 0, "a", "z")
    model = logistic(C=0.5, class_weight={"a": 1, "z": 5}).fit(X, y)
    data = records(X, y, classes=("z", "a"))  # the other way round than in classes_
    _, theft, _ = steal(
        SklearnTarget(model), data, Regularization(), threat=PRESETS["training-customer"], training=data
    )
    assert theft.exact[0].recovered == 1


def test_a_setting_is_told_from_shuffled_training_data_and_not_from_other_data():
    model = KernelRidge(alpha=0.5, kernel="rbf").fit(X, Y)
    order = np.random.default_rng(0).permutation(80)
    own, other = records(X[order], Y[order], task=Task.REGRESSION), records(X, Y[order], task=Task.REGRESSION)
    threat = PRESETS["training-customer"]
    _, theft, oracle = steal(SklearnTarget(model), own, Regularization(), threat=threat, training=own)
    assert theft.exact[0].metric == HYPERPARAMETERS_RECOVERED
    assert theft.exact[0].recovered == 1
    assert oracle.queries == 0
    with pytest.raises(Impossible, match="its data are others"):
        steal(SklearnTarget(model), own, Regularization(), threat=threat, training=other)
    with pytest.raises(Impossible, match="GaussianNB"):
        solve(GaussianNB().fit(X, (Y > 0).astype(int)), X, Y)
