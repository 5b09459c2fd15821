"""Models that take only so many records a call are asked in parts, and it is said."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.errors import InputError, TargetError
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.targets.batches import Batches
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.function import FunctionTarget

RNG = np.random.default_rng(0)
X = RNG.normal(size=(230, 4)).astype(np.float32)
Y = (X[:, 0] + RNG.normal(size=230) > 0).astype(int)
MODEL = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X[:115], Y[:115])


class Most:
    """At most so many records a call, or exactly so many."""

    def __init__(self, size, exact=False, words="no"):
        self.size, self.exact, self.words, self.classes_ = size, exact, words, MODEL.classes_
        self.sizes: list[int] = []

    def __call__(self, x):
        self.sizes.append(len(x))
        if len(x) > self.size or (self.exact and len(x) != self.size):
            raise ValueError(self.words)
        return MODEL.predict_proba(x)

    predict_proba = __call__

    def fit(self, x, y):
        return self

    def predict(self, x):
        return self(x).argmax(axis=1)


def records():
    return from_arrays([(X, Y)])[0]


EXPECTED = MODEL.predict_proba(X)
LIMITS = {
    "at most 64": (Most(64), 57),
    "one at a time": (Most(1), 1),
    "exactly 32": (Most(32, exact=True), 32),
    "exactly 77, by its error": (Most(77, exact=True, words="expected (77, 4), got (230, 4)"), 77),
    "exactly 500": (Most(500, exact=True), 500),
}


@pytest.mark.parametrize("kind", [SklearnTarget, FunctionTarget])
@pytest.mark.parametrize("name", LIMITS)
def test_answers_are_those_of_a_model_that_takes_all(kind, name):
    model, size = LIMITS[name]
    target = kind(model)
    assert np.exp(target.answer(Access.SCORES, records())) == pytest.approx(EXPECTED, abs=1e-12)
    assert (target.batches.most, target.batches.exact) == (size, "exactly" in name)
    model.sizes.clear()
    target.answer(Access.SCORES, records())
    assert set(model.sizes) <= {size, 230 % size}  # what was found out is kept
    alone = target.answer(Access.SCORES, records().take(np.arange(1)))
    assert np.exp(alone) == pytest.approx(EXPECTED[:1], abs=1e-12)


def test_what_is_cut_off_without_a_word_is_asked_for():
    target = FunctionTarget(lambda x: MODEL.predict_proba(x[:64]))
    assert np.exp(target.answer(Access.SCORES, records())) == pytest.approx(EXPECTED, abs=1e-12)
    assert target.batches.most == 64 and str(target.batches) == "64 records a call"


def test_a_record_that_is_not_taken_is_no_limit():
    def strict(x):
        if (x[:, 0] > 2).any():
            raise ValueError("out of range")
        return MODEL.predict_proba(x)

    target = FunctionTarget(strict)
    with pytest.raises(TargetError, match="out of range"):
        target.answer(Access.SCORES, records())
    assert target.batches.most is None and str(target.batches) == ""


def test_a_model_that_answers_nothing_is_tried_once():
    asked = []

    def broken(places):
        asked.append(places)
        raise ValueError("no")

    batches = Batches()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            batches.ask(20, broken)
    assert len([places for places in asked if places is None]) == 2 and len(asked) < 110
    with pytest.raises(SystemExit):
        Batches().ask(20, lambda places: (_ for _ in ()).throw(SystemExit(1)))


def test_the_audit_says_it(tmp_path):
    how = {"attacks": ["loss"], "recipe": None, "progress": None}
    plain = divulge.audit(MODEL, (X[:115], Y[:115]), (X[115:], Y[115:]), out=tmp_path / "0", **how)
    parts = divulge.audit(Most(32, exact=True), (X[:115], Y[:115]), (X[115:], Y[115:]), out=tmp_path / "1", **how)
    assert [f.value for f in parts.findings] == [f.value for f in plain.findings]
    assert [c.kind for c in parts.handshake.concerns] == ["parts"] and not parts.handshake.faults
    assert "takes 32 records a call, no more and no fewer" in parts.report(tmp_path / "report.md").read_text("utf-8")
    with pytest.raises(InputError, match="crashed: ZeroDivisionError"):
        divulge.audit(lambda x: 1 / 0, (X[:115], Y[:115]), (X[115:], Y[115:]), out=tmp_path / "2", **how)


def test_networks_of_a_fixed_batch(tmp_path):
    torch = pytest.importorskip("torch")
    from torch import nn

    from divulge.targets.networks.pytorch import TorchTarget

    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = plain

        def forward(self, x):
            return self.inner(x.view(20, 4))

    expected = TorchTarget(plain).answer(Access.LOGITS, records())
    target = TorchTarget(Fixed())
    assert target.answer(Access.LOGITS, records()) == pytest.approx(expected, abs=1e-6)
    assert target.batches.most == 20 and target.batches.exact


def test_files_of_a_fixed_batch(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from torch import nn

    from divulge.targets.networks.onnx import OnnxTarget

    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(4, 2))
    path = tmp_path / "fixed.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(plain, (torch.zeros(16, 4),), str(path), dynamo=False)
    with torch.no_grad():
        expected = torch.log_softmax(plain(torch.tensor(X)), dim=1).numpy()
    target = OnnxTarget(path)
    assert target.outputs(X[:2]) == 2
    assert target.answer(Access.SCORES, records()) == pytest.approx(expected, abs=1e-5)
