"""Models that are handed over as functions, or as modules without a recipe: only their answers tell anything."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import HuberRegressor, LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import divulge
from divulge.auditing.answers import Seen
from divulge.auditing.doubts.without_recipe import boasts_to_strangers, modest
from divulge.auditing.likeness import SeenSides
from divulge.core.results.finding import Verdict

RNG = np.random.default_rng(0)
X = RNG.normal(size=(900, 4)) * [1, 1, 1, 2] + [0, 3, 0, 1]
Y = (X[:, 0] + (X[:, 1] - 3) ** 2 + RNG.normal(size=900) > 1).astype(int)
VALUES = 3 * X[:, 0] - X[:, 1] + 0.3 * X[:, 2] + RNG.normal(size=900)


def audited(model, out, x=X, y=Y, **more):
    attacks = ["absolute_error"] if y.dtype.kind == "f" else ["loss"]
    how = {"attacks": attacks, "progress": None, "duplicates": "keep", "recipe": None} | more
    return divulge.audit(model, (x[:300], y[:300]), (x[300:600], y[300:600]), out=out / "run", **how)


def kinds(run):
    return [(each.kind, each.fault, each.doubt) for each in run.result.handshake.concerns]


def forest(x, y):
    return RandomForestClassifier(20, random_state=0).fit(x, y)


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [0, 1, 3, 2], [3, 2, 1, 0], [1, 2, 3, 0]])
def test_columns_in_another_order_are_named(tmp_path, order):
    model = forest(X[:300], Y[:300])
    run = audited(model.predict_proba, tmp_path, X[:, order])
    assert kinds(run) == [("form", True, False)] and run.verdict is Verdict.INVALID
    concern = run.result.handshake.concerns[0]
    assert "(accuracy 0.9" in concern.seen or "(accuracy 1.00" in concern.seen
    if order == [0, 1, 3, 2]:
        assert "if columns 'feature 2' and 'feature 3' changed places" in concern.seen


def test_exchanged_columns_of_a_model_of_values_are_named(tmp_path):
    model = RandomForestRegressor(20, random_state=0).fit(X[:300], VALUES[:300])
    target = divulge.FunctionTarget(model.predict, "values")
    run = audited(target, tmp_path, X[:, [1, 0, 2, 3]], VALUES)
    assert kinds(run) == [("form", True, False)]
    assert "R2 0.9" in run.result.handshake.concerns[0].seen


def test_records_that_were_not_scaled_are_named(tmp_path):
    far = X * 50 + 200
    model = make_pipeline(StandardScaler(), MLPClassifier((30,), max_iter=300, random_state=0)).fit(far[:300], Y[:300])
    network = model[-1]
    run = audited(network.predict_proba, tmp_path, far)
    assert kinds(run) == [("form", True, False)]
    assert "if columns had mean 0 and spread 1" in run.result.handshake.concerns[0].seen


SOUND = {
    "line": LogisticRegression,
    "shrunken line": lambda: LogisticRegression(C=0.01),
    "stump": lambda: DecisionTreeClassifier(max_depth=1),
    "tree": lambda: DecisionTreeClassifier(max_depth=3),
    "naive Bayes": GaussianNB,
    "discriminant": LinearDiscriminantAnalysis,
    "many neighbours": lambda: KNeighborsClassifier(60),
    "shallow forest": lambda: RandomForestClassifier(20, max_depth=2, random_state=0),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=10, max_depth=2),
    "network": lambda: make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=150, random_state=0)),
}


@pytest.mark.parametrize("labels", ["bent", "straight"])
@pytest.mark.parametrize("name", SOUND)
def test_sound_models_that_remember_nothing_are_not_accused(tmp_path, name, labels):
    y = (
        Y
        if labels == "bent"
        else (X[:, 0] + 0.5 * X[:, 3] + np.random.default_rng(1).normal(size=900) > 0.5).astype(int)
    )
    model = SOUND[name]().fit(X[:300], y[:300])
    run = audited(model.predict_proba, tmp_path, y=y)
    assert kinds(run) == []


def test_a_rare_class_that_was_weighted_is_no_fault(tmp_path):
    y = (X[:, 0] + 0.7 * X[:, 1] + np.random.default_rng(2).normal(size=900) > 4.6).astype(int)
    weighted = make_pipeline(StandardScaler(), LogisticRegression(class_weight={0: 1, 1: 20})).fit(X[:300], y[:300])
    assert 0.02 < y.mean() < 0.1
    assert kinds(audited(weighted.predict_proba, tmp_path, y=y)) == []


@pytest.mark.parametrize("seed", range(3))
def test_noise_on_weights_is_never_called_another_form(tmp_path, seed):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:300], Y[:300])
    last = model[-1]
    last.coef_ = last.coef_ + 2 * np.random.default_rng(seed).laplace(size=last.coef_.shape)
    assert "form" not in [kind for kind, _, _ in kinds(audited(model.predict_proba, tmp_path))]


def test_what_nobody_can_see_is_stated(tmp_path):
    other = forest(X[600:], Y[600:])
    run = audited(other.predict_proba, tmp_path)
    assert run.verdict is not Verdict.LEAK
    assert "whether it was trained on these members" in "".join(run.result.handshake.unchecked)
    right = forest(X[:300], Y[:300])
    assert not audited(right.predict_proba, tmp_path / "right").result.handshake.unchecked
    known = audited(other.predict_proba, tmp_path / "known", expect={"accuracy": other.score(X[:300], Y[:300])})
    assert not known.result.handshake.unchecked


def network(x, y):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 128), torch.nn.ReLU(), torch.nn.Linear(128, 2))
    inputs, labels = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(inputs), labels).backward()
        optimizer.step()
    return module.eval()


def test_a_network_that_is_sure_of_members_it_never_saw_is_doubted(tmp_path):
    noisy = np.where(np.random.default_rng(1).random(900) < 0.25, 1 - Y, Y)
    run = audited(network(X[600:], noisy[600:]), tmp_path, X.astype(np.float32), noisy)
    assert kinds(run) == [("strangers", False, True)] and run.verdict is Verdict.NOT_MEASURABLE
    own = audited(network(X[:300], noisy[:300]), tmp_path / "own", X.astype(np.float32), noisy)
    assert kinds(own) == [] and own.verdict is Verdict.LEAK


@pytest.mark.parametrize("side", ["members", "non-members"])
def test_labels_of_one_set_in_another_order_are_named(tmp_path, side):
    model, y = forest(X[:300], Y[:300]), Y.copy()
    part = slice(0, 300) if side == "members" else slice(300, 600)
    y[part] = np.random.default_rng(1).permutation(y[part])
    for number, given in enumerate([model, model.predict_proba]):
        run = audited(given, tmp_path / str(number), y=y)
        assert kinds(run)[0] == ("one side", True, False) and run.verdict is Verdict.INVALID
        assert run.result.handshake.concerns[0].seen.startswith(f"{side} tell nothing of their true answer")


def test_random_labels_in_both_sets_are_no_fault(tmp_path):
    y = np.random.default_rng(1).permutation(Y)
    assert kinds(audited(forest(X[:300], y[:300]), tmp_path, y=y)) == []


def test_a_second_softmax_over_a_forest_is_named_and_modest_models_are_not(tmp_path):
    y = np.digitize(X[:, 0] + 0.5 * np.random.default_rng(4).normal(size=900), [-0.5, 0.5])
    sure = forest(X[:300], y[:300])

    def twice(x):
        again = np.exp(sure.predict_proba(x))
        return again / again.sum(axis=1, keepdims=True)

    assert ("softmax", False, False) in kinds(audited(twice, tmp_path, y=y))
    for number, strength in enumerate([3e-3, 1e-2, 3e-2, 0.1]):
        modest = LogisticRegression(C=strength).fit(X[:300], y[:300])
        run = audited(lambda x, m=modest: m.predict_proba(x), tmp_path / str(number), y=y)
        assert "softmax" not in [kind for kind, _, _ in kinds(run)]


def test_labels_that_have_nothing_to_do_with_the_truth_are_doubted(tmp_path):
    y = np.random.default_rng(1).permutation(Y)
    nearest = KNeighborsClassifier(1).fit(X[:300], Y[:300])
    for number, given in enumerate([nearest.predict_proba, divulge.FunctionTarget(nearest.predict, "labels")]):
        attacks = ["loss"] if number == 0 else ["correctness"]
        run = audited(given, tmp_path / str(number), y=y, attacks=attacks)
        assert kinds(run) == [("chance", False, True)] and run.verdict is Verdict.NOT_MEASURABLE
    sound = divulge.FunctionTarget(LogisticRegression().fit(X[:300], Y[:300]).predict, "labels")
    assert kinds(audited(sound, tmp_path / "sound", attacks=["correctness"])) == []


def far_sighted(x, values):
    """A model of values that remembers its records as well as an overfitted network does."""
    return KNeighborsRegressor(1).fit(x, values)


NOISY = 2 * X[:, 0] + 3 * np.random.default_rng(2).normal(size=900)


@pytest.mark.parametrize("fault", ["columns", "values", "strangers"])
def test_values_that_vary_more_than_the_truth_follows_them_are_doubted(tmp_path, fault):
    own = slice(600, 900) if fault == "strangers" else slice(0, 300)
    model = far_sighted(X[own], NOISY[own])
    x = X[:, [2, 0, 3, 1]] if fault == "columns" else X
    y = np.random.default_rng(3).permutation(NOISY) if fault == "values" else NOISY
    run = audited(divulge.FunctionTarget(model.predict, "values"), tmp_path, x, y)
    assert kinds(run) == [("strangers", False, True)] and run.verdict is Verdict.NOT_MEASURABLE


def test_a_scale_that_hides_what_errors_tell_is_named(tmp_path):
    model = far_sighted(X[:300], NOISY[:300])
    run = audited(divulge.FunctionTarget(lambda x: model.predict(x) / 10, "values"), tmp_path, y=NOISY)
    assert kinds(run) == [("scale", False, True)] and run.verdict is Verdict.NOT_MEASURABLE
    assert "10 times the value" in run.result.handshake.concerns[0].seen


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        Ridge(300),
        HuberRegressor(),
        DecisionTreeRegressor(max_depth=3),
        GradientBoostingRegressor(n_estimators=5, max_depth=2),
        KNeighborsRegressor(40),
    ],
    ids=lambda model: type(model).__name__,
)
def test_sound_models_of_values_are_not_doubted(tmp_path, model):
    target = divulge.FunctionTarget(model.fit(X[:300], NOISY[:300]).predict, "values")
    assert kinds(audited(target, tmp_path, y=NOISY)) == []


def said(right, sure, records=300):
    """Answers about two classes that are right for this share, and this sure of all of them."""
    y = np.arange(records) % 2
    told = np.where(np.arange(records) < right * records, y, 1 - y)
    scores = np.where(told[:, None] == np.arange(2), sure, 1 - sure)
    return Seen(y, told, 2, np.log(scores))


def test_who_is_surer_than_a_model_of_the_recipe_is_doubted_beside_it_too():
    """The sets may have their columns in two orders: then no model of the recipe is better on non-members."""
    target = SeenSides(said(0.62, 0.95), said(0.66, 0.95))
    assert boasts_to_strangers(target).kind == "strangers"
    assert modest(SeenSides(said(1.0, 0.99), said(0.6, 0.95)))
    assert not modest(SeenSides(said(0.7, 0.95), said(0.68, 0.95)))  # naive Bayes: so is the recipe


def test_a_table_of_one_model_says_what_it_cannot_show(tmp_path):
    model = forest(X[600:], Y[600:])
    logits = np.log(np.clip(model.predict_proba(X[:600]), 1e-4, None))[None]
    keep = (np.arange(600) < 300)[None]
    for number, table in enumerate([(logits, None), (None, logits[:, np.arange(600), Y[:600]])]):
        run = divulge.audit(
            divulge.ScoreTable(*table, keep, Y[:600]), attacks=["loss"], progress=None, out=tmp_path / str(number)
        )
        assert "give more models in the table" in "".join(run.result.handshake.unchecked)


def test_a_model_that_draws_its_answers_is_told_nothing_of_types(tmp_path):
    model = DummyClassifier(strategy="stratified").fit(X[:300], Y[:300])
    assert [kind for kind, _, _ in kinds(audited(model, tmp_path))].count("native") == 0
