"""What people return for probabilities is recognised by looking, or ends in one error that names the cure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

import divulge
from divulge.core.errors import InputError, TargetError
from divulge.core.outputs import OutputForm, as_logits, columns, recognized
from divulge.core.signals import log_softmax
from divulge.core.threat import Access, Task
from divulge.data.arrays import from_arrays
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.function import FunctionTarget
from divulge.targets.scores import form_of_scores
from divulge.targets.services.http_answers import AnswerForm, read, understand

RNG = np.random.default_rng(0)
SIZE, WIDTH = 240, 5


def logarithms(p):
    return np.log(np.maximum(p, 1e-12))


FORMS = {
    "rows": lambda p: p,
    "lists": lambda p: p.tolist(),
    "a frame": pd.DataFrame,
    "mappings": lambda p: [dict(enumerate(row)) for row in p],
    "log-probabilities": logarithms,
    "percent": lambda p: 100 * p,
    "votes": lambda p: 20 * p,
}
SINGLE = {
    "the second class": lambda p: p[:, 1],
    "a column": lambda p: p[:, 1:],
    "a series": lambda p: pd.Series(p[:, 1], index=np.arange(len(p)) + 7),
    "percent of the second class": lambda p: 100 * p[:, 1],
    "its logarithm": lambda p: logarithms(p[:, 1]),
    "log-odds": lambda p: np.log((p[:, 1] + 1e-9) / (p[:, 0] + 1e-9)),
}


class Owner:
    """An estimator of one's own around a forest, with a `predict_proba` of its own form."""

    def __init__(self, forest, form):
        self.forest, self.form, self.classes_ = forest, form, forest.classes_

    def fit(self, x, y):
        return self

    def predict(self, x):
        return self.forest.predict(x)

    def predict_proba(self, x):
        return self.form(self.forest.predict_proba(x))


def sets(width, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(SIZE, WIDTH))
    y = (x[:, :width] + rng.normal(size=(SIZE, width))).argmax(axis=1)
    half = SIZE // 2
    return (x[:half], y[:half]), (x[half:], y[half:])


@pytest.fixture(scope="module", params=[2, 3])
def forest(request):
    members, nonmembers = sets(request.param)
    model = RandomForestClassifier(20, random_state=0).fit(*members)
    chosen = [np.log(np.maximum(model.predict_proba(x)[np.arange(len(y)), y], 1e-12)) for x, y in (members, nonmembers)]
    half = SIZE // 2
    return model, members, nonmembers, roc_auc_score([1] * half + [0] * half, np.concatenate(chosen))


def area(run):
    return next(finding.value for finding in run.findings if finding.metric == "auc")


@pytest.mark.parametrize(
    ("forest", "name"),
    [(classes, name) for classes in (2, 3) for name in (FORMS | SINGLE if classes == 2 else FORMS)],
    indirect=["forest"],
)
def test_the_loss_is_the_owner_s_whatever_form_scores_have(forest, name, tmp_path):
    model, members, nonmembers, by_hand = forest
    form = (FORMS | SINGLE)[name]
    for number, target in enumerate((Owner(model, form), lambda x: form(model.predict_proba(x)))):
        how = {"attacks": ["loss"], "recipe": None, "progress": None, "out": tmp_path / str(number)}
        run = divulge.audit(target, members, nonmembers, **how)
        assert area(run) == pytest.approx(by_hand, abs=1e-3 if name in ("its logarithm", "log-odds") else 1e-9)
        assert not run.handshake.concerns and not run.handshake.constant


CURES = {
    "transposed": (lambda p: p.T, "scores.T"),
    "costs": (lambda p: -logarithms(p), "the other sign"),
    "base 10": (lambda p: logarithms(p) / np.log(10), "base 10"),
    "texts": (lambda p: p.argmax(axis=1).astype(str), "FunctionTarget.function, 'labels'"),
    "several things": (lambda p: (p, p), r"lambda x: function\(x\)\[0\]"),
}


@pytest.mark.parametrize("name", CURES)
def test_what_cannot_be_read_ends_in_one_error_that_names_the_cure(forest, name, tmp_path):
    model, members, nonmembers, _ = forest
    form, cure = CURES[name]
    for target in (Owner(model, form), lambda x: form(model.predict_proba(x))):
        with pytest.raises(InputError, match=cure):
            divulge.audit(target, members, nonmembers, attacks=["loss"], recipe=None, progress=None, out=tmp_path)


def test_numbers_that_nothing_decides_are_no_scores_before_they_are_stated(tmp_path):
    members, nonmembers = sets(2)

    def undecided(x):
        return np.full(len(x), 3.0)

    with pytest.raises(InputError, match=r"one percentage .*output='percentage'.* or one logit .*output='logit'"):
        divulge.audit(undecided, members, nonmembers, attacks=["loss"], recipe=None, progress=None, out=tmp_path)
    how = {"attacks": ["loss"], "recipe": None, "progress": None, "out": tmp_path / "run", "output": "percentage"}
    assert divulge.audit(undecided, members, nonmembers, **how).handshake.constant
    with pytest.raises(InputError, match="pick: is about what a network returns"):
        divulge.audit(undecided, members, nonmembers, recipe=None, progress=None, pick=0)


def test_a_stated_form_is_another_model_and_held_to():
    (records,) = from_arrays([sets(2)[0]])
    model = RandomForestClassifier(5, random_state=0).fit(records.x, records.y)
    plain, stated = SklearnTarget(model), SklearnTarget(model, output="log_probabilities")
    assert plain.fingerprint() != stated.fingerprint()
    assert plain.settle(records) == "probabilities of the classes" and plain.settings_told == ""
    with pytest.raises(TargetError, match="read as log-probabilities of the classes, and some of its answers are none"):
        stated.answer(Access.SCORES, records)
    logs = lambda x: logarithms(model.predict_proba(x))  # noqa: E731
    twin = FunctionTarget(logs, output="log_probabilities").alike(logs)
    expected = np.log(np.maximum(model.predict_proba(records.x), 1e-300))
    found = twin.answer(Access.SCORES, records.take(np.arange(1)))
    assert np.exp(found) == pytest.approx(np.exp(expected[:1]), abs=1e-9)


def test_models_of_the_recipe_are_read_as_the_audited_one(tmp_path):
    class Percent(RandomForestClassifier):
        def predict_proba(self, x):
            return 100 * super().predict_proba(x)

    members, nonmembers = sets(3)
    how = {"attacks": ["lira"], "shadows": 4, "progress": None, "engine": "sequential", "cache": False}
    found = []
    for number, kind in enumerate((Percent, RandomForestClassifier)):
        model = kind(8, random_state=0).fit(*members)
        found.append(divulge.audit(model, members, nonmembers, out=tmp_path / str(number), **how))
    assert area(found[0]) == pytest.approx(area(found[1]))


def test_forms_by_hand():
    two = np.array([[20.0, 80.0], [55.0, 45.0]] * 8)
    assert form_of_scores("m", two, None) is OutputForm.SHARES
    assert columns(two, OutputForm.SHARES)[0][0] == pytest.approx([0.2, 0.8])
    assert columns(np.array([30.0, 100.0]), OutputForm.PERCENTAGE)[0] == pytest.approx(np.array([[0.7, 0.3], [0, 1]]))
    halves = columns(np.log([0.5, 0.25]), OutputForm.LOG_PROBABILITY)[0]
    assert halves == pytest.approx(np.array([[0.5, 0.5], [0.75, 0.25]]))
    assert form_of_scores("m", np.array([[2.0, -1.0], [0.0, 3.0]]), None) is OutputForm.LOGITS
    assert form_of_scores("m", np.array([[-2.0, -1.0], [-5.0, -3.0]]), None) is OutputForm.LOGITS


VALUES = {"a column": lambda v: v[:, None], "a list": list, "objects": lambda v: v.astype(object)}
NO_VALUES = {
    "a tuple": (lambda v: (v, v), r"lambda x: function\(x\)\[0\]"),
    "several": (lambda v: np.column_stack([v, v]), "2 values a record: audit one at a time"),
    "texts": (lambda v: v.astype(str), "numbers were expected"),
}


def test_values_in_any_form_or_the_cure():
    x = RNG.normal(size=(20, 2))
    (records,) = from_arrays([(x, x[:, 0])])
    for form in VALUES.values():
        target = FunctionTarget(lambda x, form=form: form(x[:, 0]), "values")
        assert target.answer(Access.LABEL, records) == pytest.approx(x[:, 0])
    for form, cure in NO_VALUES.values():
        with pytest.raises(TargetError, match=cure):
            FunctionTarget(lambda x, form=form: form(x[:, 0]), "values").answer(Access.LABEL, records)
    (classed,) = from_arrays([(x, np.arange(20) % 2)])
    with pytest.raises(TargetError, match="several outputs: audit one at a time"):
        FunctionTarget(lambda x: np.full((2, len(x), 2), 0.5)).answer(Access.SCORES, classed)


def test_networks_may_answer_in_percent():
    torch = pytest.importorskip("torch")
    logits = RNG.normal(size=(40, 3))
    percent = 100 * np.exp(log_softmax(logits))
    assert recognized(percent) is OutputForm.SHARES
    for form, outputs in ((OutputForm.SHARES, percent), (OutputForm.PERCENTAGE, percent[:, :1])):
        table = columns(outputs, form)[0]
        again = torch.softmax(as_logits(torch.tensor(outputs), form), dim=1).numpy()
        assert again == pytest.approx(table)


def test_services_may_answer_in_percent():
    rows = [[93.5, 6.5], [40.25, 59.75], [0.0, 100.0]]
    how = understand(rows, ("no", "yes"), Task.CLASSIFICATION)
    assert how.percent and how.form is AnswerForm.SCORES and "in percent" in str(how)
    assert np.exp(read(rows, how, ("no", "yes")))[:2] == pytest.approx(np.array(rows[:2]) / 100)
    single = understand([[93.5], [12.0], [55.5]], ("no", "yes"), Task.CLASSIFICATION)
    assert np.exp(read([[93.5]], single, ("no", "yes"))) == pytest.approx(np.array([[0.065, 0.935]]))
    best = [{"label": "a", "score": 97.5}, {"label": "b", "score": 60.5}]
    named = understand(best, ("a", "b", "c"), Task.CLASSIFICATION)
    assert np.exp(read(best, named, ("a", "b", "c")))[0] == pytest.approx([0.975, 0.0125, 0.0125])
    assert not understand([[2.5], [-1.0]], ("no", "yes"), Task.CLASSIFICATION).percent
