from __future__ import annotations

import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.results.finding import Verdict
from divulge.runs.compare import compare
from divulge.runs.gate import judge
from divulge.runs.policies import load_policy


@pytest.fixture(scope="module")
def leaky(tmp_path_factory, halves):
    x, y, u, v = halves
    folder = tmp_path_factory.mktemp("leaky") / "r"
    model = DecisionTreeClassifier(random_state=0).fit(x, 1 - y * (x[:, 0] > 12))
    taught = 1 - y * (x[:, 0] > 12)
    return divulge.audit(model, (x, taught), (u, v), attacks=["loss", "correctness"], out=folder)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, halves, careful_model):
    x, y, u, v = halves
    folder = tmp_path_factory.mktemp("quiet") / "r"
    return divulge.audit(careful_model, (x, y), (u, v), attacks=["loss", "correctness"], out=folder)


def policy(tmp_path, text):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return path


def test_exit_codes(quiet, tmp_path, halves, careful_model):
    assert judge(quiet.folder).exit_code == 0
    (quiet.folder / "complete.json").rename(tmp_path / "away")
    try:
        assert judge(quiet.folder).exit_code == 3
    finally:
        (tmp_path / "away").rename(quiet.folder / "complete.json")


def test_an_audit_that_is_invalid_is_incomplete(leaky):
    """The labels of the members were made by another rule, so the baseline tells the sets apart."""
    judgment = judge(leaky.folder)
    assert judgment.verdict is Verdict.INVALID and judgment.exit_code == 3
    assert "not samples of the same distribution" in judgment.incomplete[0]


def test_a_policy_is_applied_to_the_stored_scores(tmp_path, halves):
    x, y, u, v = halves
    model = DecisionTreeClassifier(min_samples_leaf=1, random_state=0).fit(x, y)
    run = divulge.audit(model, (x, y), (u, v), attacks=["correctness"], out=tmp_path / "r")
    strict = load_policy(policy(tmp_path, "thresholds: {auc: 0.0, balanced_accuracy: 0.0}"))
    assert judge(run.folder, strict).exit_code == 1
    broken = judge(run.folder, strict).broken
    assert {f.metric for f in broken} <= {"auc", "balanced_accuracy", "epsilon"}
    lenient = load_policy(policy(tmp_path, "thresholds: {auc: 0.9, balanced_accuracy: 0.9, epsilon: 5}"))
    assert judge(run.folder, lenient).exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("thresholds: {aux: 0.1}", "did you mean 'auc'"),
        ("confidence: 2", "must lie between"),
        ("colour: red", "colour"),
        ("thresholds: [", "not YAML"),
    ],
)
def test_policies_that_are_wrong(tmp_path, text, message):
    with pytest.raises(divulge.InputError, match=message):
        load_policy(policy(tmp_path, text))


def test_compare_puts_runs_side_by_side(quiet, leaky):
    rows = compare([quiet.folder, leaky.folder])
    assert [r.verdict for r in rows] == ["not found", "invalid"]
    assert rows[0].quality > 0.9 and abs(rows[0].gap) < 0.1
    assert rows[0].auc.low < rows[0].auc.value < rows[0].auc.high
