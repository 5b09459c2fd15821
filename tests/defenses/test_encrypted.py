"""Models under CKKS and among three parties: the same labels, and the same leak."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import divulge
from divulge.core.errors import InputError, TargetError
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.targets.services.encrypted import EncryptedTarget
from divulge.targets.services.plain_layers import layered

X, Y = load_breast_cancer(return_X_y=True)
(RECORDS,) = from_arrays([(X, Y)])
SAMPLE = RECORDS.take(np.arange(300, 569))


def regression():
    return SklearnTarget(make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:300], Y[:300]))


def small_net(activation="tanh"):
    net = MLPClassifier((8,), activation=activation, max_iter=300, random_state=0)
    return SklearnTarget(make_pipeline(StandardScaler(), net).fit(X[:300], Y[:300]))


@pytest.mark.parametrize(("scheme", "least"), [("ckks", 100_000), ("mpc", 100)])
def test_a_linear_model_says_the_same(scheme, least):
    plain, asked = regression(), RECORDS.take(np.arange(0, 569, 10))
    hidden = EncryptedTarget(plain, scheme, SAMPLE)
    told, known = hidden.answer(Access.SCORES, asked), plain.answer(Access.SCORES, asked)
    assert (told.argmax(axis=1) == known.argmax(axis=1)).all()
    np.testing.assert_allclose(np.exp(told), np.exp(known), atol=1e-4)
    assert hidden.cost.questions == len(asked) and hidden.cost.sent // len(asked) > least
    hidden.answer(Access.LABEL, asked)
    assert hidden.cost.questions == len(asked)  # what is known is not asked again
    note = hidden.provenance_note()
    if scheme == "mpc":
        assert hidden.cost.keys == 0 and "circuit privacy" not in note
        return
    assert hidden.cost.keys > 5_000_000 and "bytes of keys" in note and "CKKS has no circuit privacy" in note
    _, asker, server = hidden._context()
    assert asker.has_secret_key() and not server.has_secret_key()


@pytest.mark.parametrize("scheme", ["ckks", "mpc"])
def test_a_small_network_says_what_its_polynomials_say(scheme):
    plain, asked = small_net(), RECORDS.take(np.arange(0, 569, 60))
    hidden = EncryptedTarget(plain, scheme, SAMPLE)
    told = hidden.answer(Access.SCORES, asked)
    by_hand = hidden.plain(asked)[:, 0]
    np.testing.assert_allclose(told[:, 1] - told[:, 0], by_hand, atol=1e-3)
    assert (told.argmax(axis=1) == plain.answer(Access.LABEL, asked)).mean() > 0.8


def test_layers_are_read_as_they_are():
    for model in (regression().estimator, small_net("relu").estimator):
        made = layered(model, RECORDS)
        scores = np.exp(made.log_scores(made.logits(RECORDS.x)))
        np.testing.assert_allclose(scores, model.predict_proba(X), atol=1e-8)
    module = nn.Sequential(nn.Flatten(), nn.Linear(30, 4), nn.Sigmoid(), nn.Linear(4, 2)).eval()
    made = layered(module, RECORDS)
    known = TorchTarget(module).answer(Access.SCORES, RECORDS)
    np.testing.assert_allclose(made.log_scores(made.logits(RECORDS.x)), known, atol=1e-3)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (lambda: SklearnTarget(DecisionTreeClassifier().fit(X, Y)), "cannot be carried out"),
        (lambda: TorchTarget(nn.Sequential(nn.Flatten(), nn.Linear(30, 4), nn.LayerNorm(4))), "LayerNorm"),
        (
            lambda: SklearnTarget(
                make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(X[:50], Y[:50])
            ),
            "more than scaling",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_said(target, message):
    with pytest.raises(InputError, match=message):
        EncryptedTarget(target(), "ckks", SAMPLE)


def test_other_schemes_and_parties_that_fail_are_said(monkeypatch):
    with pytest.raises(InputError, match="'rot13' is unknown"):
        EncryptedTarget(regression(), "rot13", SAMPLE)
    monkeypatch.setattr("divulge.targets.services.encrypted.sys.executable", "/bin/false")
    with pytest.raises(TargetError, match="did not come to an answer"):
        EncryptedTarget(regression(), "mpc", SAMPLE).answer(Access.SCORES, SAMPLE)


def test_the_options_of_the_command_are_not_those_of_the_parties(monkeypatch):
    """MPyC reads the command line of the process that imports it, and ends it at an option that it finds ambiguous."""
    monkeypatch.setattr("sys.argv", ["divulge", "audit", "audit.yaml", "--out", "runs"])
    monkeypatch.delitem(sys.modules, "mpyc", raising=False)
    answers = EncryptedTarget(regression(), "mpc", SAMPLE).answer(Access.SCORES, SAMPLE.take(np.arange(5)))
    assert answers.shape == (5, 2) and "mpyc" not in sys.modules


def test_encryption_leaves_the_leak_where_it_was(tmp_path):
    """A regression that is far too free leaks; among three parties it leaks the same."""
    rng = np.random.default_rng(0)
    y = Y.copy()
    y[:80] = rng.integers(0, 2, 80)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e4, max_iter=5000)).fit(X[:80], y[:80])
    plain = SklearnTarget(model)
    found = [
        divulge.audit(
            target, (X[:80], y[:80]), (X[80:160], rng.integers(0, 2, 80)), attacks=["loss"], out=tmp_path / str(n)
        )
        for n, target in enumerate((plain, EncryptedTarget(plain, "mpc", SAMPLE)))
    ]
    areas = [next(f.value for f in run.findings if f.metric == "auc") for run in found]
    assert areas[0] > 0.6 and areas[1] == pytest.approx(areas[0], abs=0.01)
    assert found[1].result.facts.target.name.endswith("under MPC")
    assert any("questions" in line and "bytes sent" in line for line in found[1].result.training)
