"""Models that write into what they are handed, cannot say what their settings are, or answer by pairs of classes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.targets.estimators.estimator_kinds import of_pairs

SIZE = 120


def drawn(classes=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2 * SIZE, 4)) * 5 + 3, rng.integers(0, classes, 2 * SIZE)


def area(target, x, y, tmp_path, **how):
    how = {"recipe": None, "attacks": ["loss"], "progress": None} | how
    run = divulge.audit(target, (x[:SIZE], y[:SIZE]), (x[SIZE:], y[SIZE:]), out=tmp_path / "run", **how)
    return run, next(f.value for f in run.findings if f.metric == "auc")


def by_hand(table, y):
    """AUC of the cross-entropy, members first, all pairs counted."""
    loss = -np.log(np.clip(table[np.arange(len(y)), y], 1e-12, 1))
    inside, outside = loss[:SIZE, None], loss[None, SIZE:]
    return float(np.mean((inside < outside) + 0.5 * (inside == outside)))


@pytest.mark.parametrize("last", [KNeighborsClassifier(1), SVC(C=1e4, gamma=2)])
def test_a_scaler_that_works_in_place(last, tmp_path):
    """Twice scaled, records are others: an estimator with margins and probabilities is asked for both."""
    x, y = drawn()
    model = make_pipeline(StandardScaler(copy=False), last).fit(x[:SIZE].copy(), y[:SIZE])
    kept = x.copy()
    run, _ = area(model, x, y, tmp_path)
    assert run.verdict is divulge.Verdict.LEAK and np.array_equal(x, kept)


def test_a_network_that_writes_into_its_records(tmp_path):
    torch = pytest.importorskip("torch")

    class Writes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3))

        def forward(self, x):
            return self.inner(x.sub_(2.0).div_(3.0))

    torch.manual_seed(0)
    x, y = drawn()
    x, net = x.astype(np.float32), Writes()
    rows, truth = torch.from_numpy(x[:SIZE].copy()), torch.from_numpy(y[:SIZE])
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(rows.clone()), truth).backward()
        optimizer.step()
    kept, table = x.copy(), torch.softmax(net(torch.from_numpy(x.copy())).double(), 1).detach().numpy()
    for given, folder in ((x, "array"), (torch.from_numpy(x.copy()), "tensor")):
        _, found = area(net, given, y, tmp_path / folder)
        assert found == pytest.approx(by_hand(table, y), abs=1e-6)
        assert np.array_equal(np.asarray(given), kept), "the owner's own records are left as they were"


def test_a_function_that_writes_into_its_records(tmp_path):
    x, y = drawn()
    inner = DecisionTreeClassifier(random_state=0).fit(x[:SIZE] * 2, y[:SIZE])

    def answer(rows):
        rows *= 2
        return inner.predict_proba(rows)

    _, found = area(answer, x, y, tmp_path, classes=[0, 1, 2])
    assert found == pytest.approx(by_hand(inner.predict_proba(x * 2), y))


class Fits(ClassifierMixin, BaseEstimator):
    def fit(self, x, y):
        self.inner_ = DecisionTreeClassifier(random_state=0).fit(x, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, x):
        return self.inner_.predict_proba(x)

    def predict(self, x):
        return self.inner_.predict(x)


class Several(Fits):
    def __init__(self, *steps):
        self.steps = steps


class Renamed(Fits):
    def __init__(self, model=None):
        self.kept = model


@pytest.mark.parametrize("made", [Several(1), Renamed()])
def test_an_estimator_that_cannot_say_its_settings_is_audited_and_trained_anew(made, tmp_path):
    x, y = drawn()
    model = made.fit(x[:SIZE], y[:SIZE])
    run, found = area(model, x, y, tmp_path, recipe="auto")
    assert found == pytest.approx(by_hand(model.predict_proba(x), y)) and run.verdict is divulge.Verdict.LEAK
    control = next(f.control for f in run.findings if f.metric == "auc")
    assert control is not None and abs(control - 0.5) < 0.15, "the control is trained on other records"


@pytest.mark.parametrize("classes", [3, 4])
def test_margins_of_pairs_are_none_of_classes(classes, tmp_path):
    x, y = drawn(classes)
    model = SVC(C=1e4, gamma=2, decision_function_shape="ovo").fit(x[:SIZE], y[:SIZE])
    of_one = SVC(C=1e4, gamma=2).fit(x[:SIZE], y[:SIZE]).decision_function(x)
    np.testing.assert_allclose(of_pairs(model.decision_function(x), classes), of_one, atol=1e-9)
    run, _ = area(model, x, y, tmp_path)
    accuracy = run.result.handshake.members
    assert run.verdict is divulge.Verdict.LEAK and accuracy == pytest.approx(
        np.mean(model.predict(x[:SIZE]) == y[:SIZE])
    )


def test_a_masked_array_keeps_its_mask(tmp_path):
    x, y = drawn()
    rows = np.ma.masked_array(x, x > 6)
    model = make_pipeline(FunctionTransformer(lambda q: np.ma.filled(q, -99.0)), DecisionTreeClassifier(random_state=0))
    model.fit(rows[:SIZE], y[:SIZE])
    _, found = area(model, rows, y, tmp_path)
    assert found == pytest.approx(by_hand(model.predict_proba(rows), y))


@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_a_function_that_works_in_place_leaves_its_owners_records_alone(kind, tmp_path):
    x, y = drawn()
    if kind == "tensor":
        x = pytest.importorskip("torch").tensor(x)
    kept = np.asarray(x).copy()
    model = KNeighborsClassifier(3).fit((kept[:SIZE] - 3) / 5, y[:SIZE])

    def scaled(records):
        records -= 3
        records /= 5
        return model.predict_proba(np.asarray(records))

    _, found = area(scaled, x, y, tmp_path)
    assert np.array_equal(np.asarray(x), kept)
    assert found == pytest.approx(by_hand(model.predict_proba((kept - 3) / 5), y), abs=1e-9)
