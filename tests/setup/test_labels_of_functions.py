"""What a function may answer with, and what is said where that cannot be read."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.errors import InputError


def drawn():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(160, 3)), rng.integers(0, 3, 160)
    return DecisionTreeClassifier(random_state=0).fit(x[:80], y[:80]), (x[:80], y[:80]), (x[80:], y[80:])


def audit(function, members, others, tmp_path, **how):
    how = {"attacks": ["correctness"], "recipe": None, "progress": None} | how
    return divulge.audit(function, members, others, out=tmp_path / "run", **how)


def test_the_cure_for_a_function_that_answers_with_labels_works(tmp_path):
    model, members, others = drawn()

    def labels(x):
        return model.predict(x)

    for how in ({}, {"task": "classification"}):
        with pytest.raises(InputError, match=r"divulge\.FunctionTarget\(function, 'labels'\)"):
            audit(labels, members, others, tmp_path, **how)
    run = audit(divulge.FunctionTarget(labels, "labels"), members, others, tmp_path)
    assert run.verdict is divulge.Verdict.LEAK


def test_a_function_that_answers_with_logits_is_read_as_it_is_stated(tmp_path):
    model, members, others = drawn()

    def logits(x):
        return np.log(model.predict_proba(x) + 1e-6)

    found = []
    for number, target in enumerate((logits, divulge.FunctionTarget(logits, "logits"))):
        run = audit(target, members, others, tmp_path / str(number), classes=[0, 1, 2])
        assert run.verdict is divulge.Verdict.LEAK
        found.append([finding.value for finding in run.findings if finding.metric == "auc"])
    assert found[0] == pytest.approx(found[1], abs=0.01)
