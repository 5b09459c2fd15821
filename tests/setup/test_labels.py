"""Which label an output stands for, and what a model predicts, where it cannot say so itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from tests.targets.networks import Wrapped, X, Y, auc, logits_of, right_class, sets, softmax, trained
from torch import nn

import divulge
from divulge.core.errors import InputError
from divulge.core.signals import of_class
from divulge.core.threat import Access, Task
from divulge.setup.sources.labels import labels_of
from divulge.setup.sources.records_from import met, records_from
from divulge.setup.sources.targets_from import target_from
from divulge.targets.function import FunctionTarget
from divulge.targets.networks.pytorch import TorchTarget

NET, ONE = trained(), trained(1)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])


def found(run, attack="loss"):
    return next(f.value for f in run.findings if (f.attack, f.metric) == (attack, "auc"))


def audited(model, y, tmp_path, x=X, attack="loss", **options):
    options = {"recipe": None, "attacks": [attack], "out": tmp_path / "run", **options}
    return found(divulge.audit(model, *sets(y, x), **options), attack)


@pytest.mark.parametrize("words", [["yes", "no"], ["no", "yes"], [7, 3], [1, 2], [-1, 1], ["10", "9"]])
def test_stated_classes_are_the_outputs_in_their_order(words, tmp_path):
    y = np.array(words, dtype=object)[Y]
    wanted = auc(right_class(softmax(logits_of(NET))))
    assert abs(audited(NET, y, tmp_path, classes=words) - wanted) < 1e-6
    (tmp_path / "run").rename(tmp_path / "earlier")
    assert abs(audited(TorchTarget(NET, classes=words), y, tmp_path) - wanted) < 1e-6


GUESSED = [["yes", "no"], ["no", "yes"], [1, 2], [-1, 1], [0.5, "x"], [0, 7]]
KINDS = ["module", "function", "single", "function of labels"]
NAMED = ("function of labels", [0, 7])
"""A function that answers 0 where 0 is a label has named it."""


@pytest.mark.parametrize(("kind", "words"), [(k, w) for k in KINDS for w in GUESSED if (k, w) != NAMED])
def test_an_order_that_would_be_guessed_is_asked_for(kind, words):
    y = np.array(words, dtype=object)[Y]
    models = {
        "module": NET,
        "single": ONE,
        "function": lambda x: softmax(x[:, :2]),
        "function of labels": FunctionTarget(lambda x: np.zeros(len(x), dtype=int), "labels"),
    }
    with pytest.raises(InputError, match=r"which output is which\? pass classes=\[...\] in the order") as told:
        divulge.audit(models[kind], *sets(y), attacks=["correctness"], recipe=None)
    assert "\n" not in str(told.value) and (kind == "function of labels" or "2 classes" in str(told.value))


def test_an_estimator_knows_its_classes():
    y = np.array(["yes", "no"])[Y]
    model = LogisticRegression().fit(X, y)
    assert labels_of(target_from(model), [(X, y)]) == ["no", "yes"]
    with pytest.raises(InputError, match="knows its classes as 'no', 'yes': leave classes= out"):
        labels_of(target_from(model), [(X, y)], ["yes", "no"])


@pytest.mark.parametrize("labels", [[0, 4, 7], [1, 2, 9], [0, 1, 2], [0.0, 4.0, 7.0], [3, 3, 4]])
def test_integers_in_range_are_the_outputs_numbers(labels, tmp_path):
    y = np.array(labels)[THREE]
    net = trained(10, y.astype(int))
    wanted = auc(right_class(softmax(logits_of(net)), y.astype(int)))
    assert abs(audited(net, y, tmp_path) - wanted) < 1e-6


def test_a_function_with_more_outputs_than_labels(tmp_path):
    y = np.array([0, 4, 7])[THREE]
    net = trained(10, y)
    told = audited(lambda x: softmax(net(torch.tensor(x, dtype=torch.float32)).detach().double().numpy()), y, tmp_path)
    assert abs(told - auc(right_class(softmax(logits_of(net)), y))) < 1e-6


@pytest.mark.parametrize("last", [lambda p: p, lambda p: p[:, 0]])
def test_a_function_may_give_the_second_class_alone(last, tmp_path):
    p = 1 / (1 + np.exp(-logits_of(ONE)))

    def function(x):
        return last(1 / (1 + np.exp(-ONE(torch.tensor(x, dtype=torch.float32)).detach().double().numpy())))

    wanted = auc(np.where(Y == 1, np.log(p[:, 0]), np.log1p(-p[:, 0])))
    assert abs(audited(function, Y, tmp_path) - wanted) < 1e-6


def test_booleans_count_as_0_and_1(tmp_path):
    assert abs(audited(NET, Y == 1, tmp_path) - auc(right_class(softmax(logits_of(NET))))) < 1e-6


REFUSED = {
    "ignored": ((np.where(np.arange(240) < 3, -100, Y)), {}, "some labels are -100, which PyTorch's losses leave out"),
    "too few": (Y, {"classes": ["a"]}, "label 0, which classes= does not name"),
    "of another number": (Y, {"classes": [0, 1, 2]}, "names 3 labels, and Sequential has 2 outputs"),
    "twice": (Y, {"classes": [0, 0]}, "names a label twice"),
    "yaml": (np.array(["no", "yes"])[Y], {"classes": [False, True]}, "write them in quotes"),
    "of a regression": (X[:, 0], {"classes": [0, 1], "task": "regression"}, "this is a regression"),
    "unknown task": (Y, {"task": "ranking"}, "choose one of classification, regression"),
    "decimals": (X[:, 0] + 0.5, {}, "y holds decimal numbers, and Sequential has 2 outputs a record"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_labels_that_cannot_be_meant(name):
    y, options, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as told:
        divulge.audit(NET, *sets(y), attacks=["loss"], recipe=None, **options)
    assert "\n" not in str(told.value)


def test_decimal_targets_and_a_single_output_are_a_regression(tmp_path):
    y = 2 * X[:, 0] + X[:, 1]
    error = np.abs(logits_of(ONE)[:, 0] - y)
    options = {"attack": "absolute_error"}
    assert abs(audited(ONE, y, tmp_path / "a", **options) - auc(-error)) < 1e-6
    assert abs(audited(Wrapped(ONE, lambda z: z[:, 0]), y, tmp_path / "b", **options) - auc(-error)) < 1e-6
    assert abs(audited(TorchTarget(ONE), y, tmp_path / "c", **options) - auc(-error)) < 1e-6

    def function(x):
        return ONE(torch.tensor(x, dtype=torch.float32)).detach().double().numpy()[:, 0]

    assert abs(audited(function, y, tmp_path / "d", **options) - auc(-error)) < 1e-6
    whole = np.round(5 * y)
    error = np.abs(logits_of(ONE)[:, 0] - whole)
    assert abs(audited(ONE, whole.astype(int), tmp_path / "e", task="regression", **options) - auc(-error)) < 1e-6
    assert abs(audited(ONE, whole, tmp_path / "f", **options) - auc(-error)) < 1e-6
    with pytest.raises(InputError, match="if it predicts a quantity, pass task='regression'"):
        divulge.audit(ONE, *sets(whole.astype(int)), recipe=None)


def test_a_task_that_an_estimator_does_not_have_is_refused():
    with pytest.raises(InputError, match="task='regression': LogisticRegression is made for classification"):
        divulge.audit(LogisticRegression().fit(X, Y), *sets(), task="regression")


def test_the_reading_is_settled_on_the_members_before_anything_is_attacked():
    target = target_from(Wrapped(ONE, torch.sigmoid))
    sides = met(target, records_from(target, *sets()))
    assert target.reading == "one probability a record, of the second class"
    p = logits_of(Wrapped(ONE, torch.sigmoid))[:, 0]
    told = [of_class(target.answer(Access.SCORES, side), side.y) for side in (sides.members, sides.nonmembers)]
    np.testing.assert_allclose(np.concatenate(told), np.where(Y == 1, np.log(p), np.log1p(-p)), rtol=1e-5, atol=1e-7)


def test_a_model_that_cannot_be_asked_stops_the_audit_with_its_reason():
    with pytest.raises(InputError, match="the model Wrapped crashed: ZeroDivisionError"):
        divulge.audit(Wrapped(NET, lambda z: 1 / 0), *sets(), recipe=None)
    with pytest.raises(InputError, match="Wrapped is a class: pass a trained model"):
        divulge.audit(Wrapped, *sets())
    with pytest.raises(InputError, match=r"say which holds the scores"):
        divulge.audit(Wrapped(NET, lambda z: (z, z)), *sets(), recipe=None)


def test_numeric_frames_are_asked_about_like_arrays():
    y = np.array([0, 4, 7])[THREE]
    net = trained(10, y)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    assert labels_of(TorchTarget(net), [(frame, y)]) == list(range(10))


def test_a_vocabulary_larger_than_any_number_of_classes():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.out = nn.Embedding(5000, 4), nn.Linear(4, 5000)

        def forward(self, ids):
            return self.out(self.words(ids))

    rng = np.random.default_rng(0)
    ids, other = rng.integers(0, 5000, (2, 40, 6))
    target = target_from(Words())
    pair, rest = (ids[:, :-1], ids[:, -1]), (other[:, :-1], other[:, -1])
    sides = met(target, records_from(target, pair, rest))
    assert sides.members.schema.classes == tuple(range(5000)) and (sides.members.y == ids[:, -1]).all()
    assert target.task is Task.CLASSIFICATION and target.answer(Access.SCORES, sides.members).shape == (40, 5000)


FACTORY = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(6, 48), nn.ReLU(), nn.Linear(48, 2))
    def forward(self, x):
        return {"first": x, "second": self.inner(x).softmax(1)}
"""
AUDIT = """
target: {kind: torch, path: net.pt, factory: "made.py:Net", pick: second}
data: {members: in.csv, nonmembers: out.csv, target: outcome, classes: ["yes", "no"]}
attacks: [loss]
recipe: {kind: none}
threat: mlaas
"""


def test_classes_and_outputs_are_stated_in_an_audit_file(tmp_path):
    from divulge.runs.result import open_run
    from divulge.setup.audit_file import load
    from divulge.setup.from_file import job_from_file
    from divulge.workflows.run_audit import run_audit

    (tmp_path / "made.py").write_text(FACTORY)
    (tmp_path / "audit.yaml").write_text(AUDIT)
    torch.save(
        {"epoch": 3, "model_state_dict": {f"module.inner.{k}": v for k, v in NET.state_dict().items()}},
        tmp_path / "net.pt",
    )
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(outcome=np.array(["yes", "no"])[Y])
    frame[:120].to_csv(tmp_path / "in.csv", index=False)
    frame[120:].to_csv(tmp_path / "out.csv", index=False)
    job = job_from_file(load(tmp_path / "audit.yaml"), tmp_path)
    run = open_run(run_audit(job, tmp_path / "run").path)
    assert abs(found(run) - auc(right_class(softmax(logits_of(NET))))) < 2e-3
    told = (tmp_path / "audit.yaml").read_text()
    (tmp_path / "audit.yaml").write_text(told.replace(', classes: ["yes", "no"]', ""))
    with pytest.raises(InputError, match=r"data\.classes in an audit file"):
        job_from_file(load(tmp_path / "audit.yaml"), tmp_path)
    (tmp_path / "audit.yaml").write_text(told.replace('["yes", "no"]', "[yes, no]"))
    with pytest.raises(InputError, match="in quotes"):
        job_from_file(load(tmp_path / "audit.yaml"), tmp_path)
    (tmp_path / "audit.yaml").write_text(told.replace(", pick: second", ""))
    with pytest.raises(InputError, match="say which holds the scores"):
        job_from_file(load(tmp_path / "audit.yaml"), tmp_path)


def test_several_named_values_a_record_are_refused_with_the_way(tmp_path):
    y = np.array([(True, 1.0)] * len(X), dtype=[("event", bool), ("time", float)])
    with pytest.raises(InputError, match=r"several values a record \('event', 'time'\).*FunctionTarget"):
        divulge.audit(lambda x: x[:, 0], *sets(y), out=tmp_path)
