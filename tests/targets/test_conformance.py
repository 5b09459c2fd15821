"""What every adapter must do, whatever the model."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from torch import nn

from divulge.auditing.oracle import GrantedOracle
from divulge.core.errors import AccessDenied, BudgetSpent, TargetError
from divulge.core.threat import PRESETS, Access, Task, closure
from divulge.data.arrays import from_arrays
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.function import FunctionTarget
from divulge.targets.networks.onnx import OnnxTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.targets.score_table import ScoreTable

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
W = RNG.normal(size=(4, 3))
Y = (X @ W).argmax(axis=1)
VALUE = X @ W[:, 0] + 0.1


def network(classes=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, classes))


def onnx_file(tmp_path, probabilities=False):
    from onnx import TensorProto, helper, numpy_helper, save

    weights = numpy_helper.from_array(W.astype(np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"])]
    if probabilities:
        nodes.append(helper.make_node("Softmax", ["z"], ["p"], axis=1))
    out = "p" if probabilities else "z"
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, [None, 3])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / f"{out}.onnx"
    save(model, str(path))
    return path


def table():
    logits = RNG.normal(size=(3, 60, 3))
    return ScoreTable(logits, None, RNG.random((3, 60)) < 0.5, Y)


CLASSIFIERS = {
    "logistic": lambda _: SklearnTarget(LogisticRegression().fit(X, Y)),
    "pipeline": lambda _: SklearnTarget(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)),
    "forest": lambda _: SklearnTarget(RandomForestClassifier(10).fit(X, Y)),
    "neighbours": lambda _: SklearnTarget(KNeighborsClassifier(3).fit(X, Y)),
    "margins only": lambda _: SklearnTarget(LinearSVC().fit(X, Y)),
    "svc": lambda _: SklearnTarget(SVC().fit(X, Y)),
    "ridge": lambda _: SklearnTarget(RidgeClassifier().fit(X, Y)),
    "dummy": lambda _: SklearnTarget(DummyClassifier().fit(X, Y)),
    "torch": lambda _: TorchTarget(network()),
    "torch, softmax inside": lambda _: TorchTarget(nn.Sequential(network(), nn.Softmax(dim=1))),
    "onnx": lambda tmp: OnnxTarget(onnx_file(tmp)),
    "onnx, softmax inside": lambda tmp: OnnxTarget(onnx_file(tmp, probabilities=True)),
    "function, logits": lambda _: FunctionTarget(lambda x: x @ W, "logits"),
    "function, labels": lambda _: FunctionTarget(lambda x: (x @ W).argmax(axis=1), "labels"),
    "table": lambda _: table().model(0),
}
REGRESSORS = {
    "ridge": lambda _: SklearnTarget(Ridge().fit(X, VALUE)),
    "forest": lambda _: SklearnTarget(RandomForestRegressor(5).fit(X, VALUE)),
    "torch": lambda _: TorchTarget(network(1), task=Task.REGRESSION),
    "function": lambda _: FunctionTarget(lambda x: x[:, 0], "values"),
}


def records_for(name):
    return table().records() if name == "table" else from_arrays([(X, Y)], classes=[0, 1, 2])[0]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_port_answers_and_the_ports_agree(name, tmp_path):
    target, records = CLASSIFIERS[name](tmp_path), records_for(name)
    assert closure(target.offers) == target.offers and target.task is Task.CLASSIFICATION
    labels = target.answer(Access.LABEL, records)
    assert labels.shape == (60,) and labels.dtype.kind == "i" and set(labels) <= {0, 1, 2}
    if Access.SCORES in target.offers:
        log_scores = target.answer(Access.SCORES, records)
        assert log_scores.shape == (60, 3) and np.isfinite(log_scores).all()
        np.testing.assert_allclose(np.exp(log_scores).sum(axis=1), 1, atol=1e-6)
        best = np.take_along_axis(log_scores, labels[:, None], axis=1)[:, 0]
        np.testing.assert_allclose(best, log_scores.max(axis=1), atol=1e-9)
    if Access.LOGITS in target.offers:
        logits = target.answer(Access.LOGITS, records)
        assert logits.shape == (60, 3) and (logits.argmax(axis=1) == labels).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_answers_do_not_depend_on_the_batch(name, tmp_path):
    target, records = CLASSIFIERS[name](tmp_path), records_for(name)
    port = Access.SCORES if Access.SCORES in target.offers else Access.LABEL
    whole = target.answer(port, records)
    parts = [target.answer(port, records.take(np.arange(i, i + 20))) for i in (0, 20, 40)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_fingerprints_are_stable(name, tmp_path):
    target = CLASSIFIERS[name](tmp_path)
    assert target.fingerprint() == target.fingerprint() != ""


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name, tmp_path):
    target = REGRESSORS[name](tmp_path)
    (records,) = from_arrays([(X, VALUE)])
    assert target.task is Task.REGRESSION
    assert target.answer(Access.LABEL, records).shape == (60,)


BROKEN = {
    "raises": (lambda x: 1 / 0, "crashed: ZeroDivisionError"),
    "wrong shape": (lambda x: np.zeros((len(x), 7)), r"shape \(60, 7\): \(60, 3\) was expected"),
    "one answer short": (lambda x: np.zeros((len(x) - 1, 3)), "was expected"),
    "NaN": (lambda x: np.where(np.arange(60)[:, None] == 4, np.nan, np.zeros((60, 3))), "NaN or infinity for 1 of 60"),
    "text": (lambda x: np.array([["a"] * 3] * 60), "numbers were expected"),
    "no probabilities": (lambda x: np.full((60, 3), 2.0), "output='logits'"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_model_is_a_target_error_that_names_it(kind):
    function, message = BROKEN[kind]
    with pytest.raises(TargetError, match=message):
        FunctionTarget(function, "scores", name="mine").answer(Access.SCORES, records_for("function"))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_surface_grants_counts_and_stops_exactly(name, tmp_path):
    target, records = CLASSIFIERS[name](tmp_path), records_for(name)
    budget = PRESETS["label-only"].with_budget(30)
    oracle = GrantedOracle(target, budget, Access.LABEL)
    with pytest.raises(AccessDenied, match="scores are not granted here"):
        oracle.log_scores(records)
    with pytest.raises(AccessDenied):
        oracle.logits(records)
    oracle.labels(records.take(np.arange(20)))
    oracle.labels(records.take(np.arange(20)))
    assert oracle.queries == 20
    with pytest.raises(BudgetSpent, match="11 more queries are needed and 20 of 30 are spent"):
        oracle.labels(records.take(np.arange(31)))
    assert oracle.queries == 20
    oracle.labels(records.take(np.arange(30)))
    assert oracle.queries == 30


def test_a_card_that_asks_for_labels_gets_no_scores_from_a_generous_threat_model():
    oracle = GrantedOracle(CLASSIFIERS["logistic"](None), PRESETS["mlaas"], Access.LABEL)
    with pytest.raises(AccessDenied):
        oracle.log_scores(records_for("logistic"))
    with pytest.raises(AccessDenied, match="is a classifier"):
        oracle.values(records_for("logistic"))


def test_top_k_shows_the_k_best_and_no_more():
    target = CLASSIFIERS["logistic"](None)
    oracle = GrantedOracle(target, PRESETS["mlaas"], Access.TOPK)
    classes, scores = oracle.top_k(records_for("logistic"))
    assert classes.shape == scores.shape == (60, 3) and (np.diff(scores, axis=1) <= 0).all()
    with pytest.raises(AccessDenied):
        oracle.log_scores(records_for("logistic"))


def test_the_budget_is_exact_when_threads_ask():
    """Eight threads ask for single records, some of them the same; exactly the budget is answered."""
    asked = []

    def counting(x):
        asked.append(len(x))
        return (x @ W).argmax(axis=1)

    oracle = GrantedOracle(FunctionTarget(counting, "labels"), PRESETS["label-only"].with_budget(25), Access.LABEL)
    records = records_for("function")
    answered = set()
    refused = []

    def ask(start):
        for step in range(60):
            i = (start * 7 + step) % 60
            try:
                oracle.labels(records.take(np.array([i])))
                answered.add(i)
            except BudgetSpent:
                refused.append(i)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answered) == oracle.queries == sum(asked) == 25
    assert refused and not answered & set(refused)


def test_equal_records_within_a_batch_are_one_query_and_one_computation():
    asked = []

    def counting(x):
        asked.append(len(x))
        return x @ W

    oracle = GrantedOracle(FunctionTarget(counting, "logits"), PRESETS["mlaas"], Access.SCORES)
    records = records_for("function").take(np.array([3, 3, 5, 3]))
    answer = oracle.log_scores(records)
    assert oracle.queries == 2 and asked == [2]
    assert (answer[0] == answer[1]).all() and (answer[0] == answer[3]).all()
