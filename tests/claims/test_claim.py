"""Were my records used?  The error rate under the null, the power, and the whole way through the command line."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from divulge.claims import dataset_use as claim
from divulge.cli import app
from divulge.core.errors import InputError
from divulge.data.arrays import from_arrays
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.function import FunctionTarget


def test_a_set_that_was_not_used_is_claimed_in_at_most_a_twentieth_of_the_cases():
    """200 owners of random halves of records that no model has seen."""
    x, y = load_breast_cancer(return_X_y=True)
    model = RandomForestClassifier(20, random_state=0).fit(x[:100], y[:100])
    target, rng, claimed, shares = SklearnTarget(model), np.random.default_rng(0), 0, 0
    for seed in range(200):
        order = 100 + rng.permutation(len(x) - 100)
        own, fresh = from_arrays([(x[order[:60]], y[order[:60]]), (x[order[60:160]], y[order[60:160]])])
        usage = claim.was_used(target, own, fresh, seed)
        claimed += usage.p_value <= 0.05
        shares += usage.share > 0
    assert claimed <= 18 and shares <= 18  # binomial(200, 0.05) exceeds 18 in less than one case of a hundred


def test_a_set_that_was_used_is_found_with_the_share_that_was(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1200, 8))
    y = ((x[:, 0] > 0) ^ (rng.random(1200) < 0.25)).astype(int)
    model = RandomForestClassifier(50, random_state=0).fit(x[:400], y[:400])
    own, fresh = from_arrays([(x[200:600], y[200:600]), (x[600:], y[600:])])
    usage = claim.was_used(SklearnTarget(model), own, fresh)
    assert usage.p_value < 0.001 and 0.2 < usage.share <= 0.5


def test_a_model_that_knows_the_fresh_records_better_is_not_accused():
    """Weights of any sign would learn that own records are those that it does not know."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 8))
    y = ((x[:, 0] > 0) ^ (rng.random(800) < 0.25)).astype(int)
    model = RandomForestClassifier(50, random_state=0).fit(x[400:], y[400:])
    own, fresh = from_arrays([(x[:400], y[:400]), (x[400:], y[400:])])
    usage = claim.was_used(SklearnTarget(model), own, fresh)
    assert usage.p_value > 0.5 and usage.share == 0
    assert claim.was_used(SklearnTarget(model), fresh, own).p_value < 0.001


def test_too_few_records_for_a_claim():
    own, fresh = from_arrays([(np.zeros((5, 1)), [0, 1, 0, 1, 0]), (np.ones((50, 1)), [0, 1] * 25)])
    with pytest.raises(InputError, match="at least 20 own"):
        claim.was_used(FunctionTarget(lambda x: np.full((len(x), 2), 0.5)), own, fresh)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A table, and a folder with its canaries."""
    x, y = load_breast_cancer(return_X_y=True)
    table = pd.DataFrame(x[:, :8], columns=[f"m{i}" for i in range(8)])
    table = table.assign(diagnosis=np.where(y == 1, "benign", "malignant"))
    table[:300].to_csv(tmp_path / "own.csv", index=False)
    table[300:].to_csv(tmp_path / "fresh.csv", index=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit.yaml").write_text(
        "target: {kind: sklearn, path: model.joblib, trust: true}\n"
        "data: {members: own.csv, nonmembers: fresh.csv, target: diagnosis}\n"
    )
    return tmp_path


def run(arguments, capsys, code=0):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["divulge", "claim", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app.main()
    said = capsys.readouterr()
    assert ended.value.code == code, said.out + said.err
    return said.out if code == 0 else said.err


def test_from_mint_to_proof(workplace, capsys):
    said = run(["mint", "own.csv", "--target", "diagnosis", "--number", 40], capsys)
    commitment = (workplace / "canaries" / "commitment.txt").read_text().strip()
    assert commitment in said
    own, marked = pd.read_csv("own.csv"), pd.read_csv("canaries/canaries.csv")
    assert len(marked) == 40 and list(marked.columns) == list(own.columns)
    proof = ["test", "audit.yaml", "--secret", "canaries/secret.json", "--commitment", commitment, "--json"]
    for data, used in ((pd.concat([own, marked]), True), (own, False)):
        model = DecisionTreeClassifier(random_state=0).fit(data.drop(columns="diagnosis"), data["diagnosis"])
        joblib.dump(model, "model.joblib")
        result = json.loads(run(proof, capsys))
        assert (result["p_value"] < 1e-6) == used and result["canaries"] == 40
    said = run(proof[:-1], capsys)
    assert "exact" in said and run([*proof[:-1], "--resume", "latest"], capsys) == said


def test_the_claim_of_a_whole_set_on_the_command_line(workplace, capsys):
    own = pd.read_csv("own.csv")
    model = RandomForestClassifier(50, random_state=0).fit(own.drop(columns="diagnosis"), own["diagnosis"])
    joblib.dump(model, "model.joblib")
    result = json.loads(run(["used", "audit.yaml", "--json"], capsys))
    assert result["p_value"] < 0.05 and result["own"] == 300
    said = run(["used", "audit.yaml"], capsys)
    assert "were used" in said and "Run: divulge-runs" in said
    assert run(["used", "audit.yaml", "--resume", "latest"], capsys) == said
    assert "is a run of another claim" in run(["used", "audit.yaml", "--resume", "latest", "--seed", "1"], capsys, 2)


def test_a_secret_that_was_changed_is_not_what_was_committed_to(workplace, capsys):
    run(["mint", "own.csv", "--target", "diagnosis", "--number", 10], capsys)
    commitment = (workplace / "canaries" / "commitment.txt").read_text().strip()
    secret = workplace / "canaries" / "secret.json"
    secret.write_text(secret.read_text().replace("benign", "malign"))
    joblib.dump(DecisionTreeClassifier().fit([[0], [1]], [0, 1]), "model.joblib")
    said = run(["test", "audit.yaml", "--secret", secret, "--commitment", commitment], capsys, 2)
    assert "is not what was committed to" in said
    assert "cannot be minted again" in run(["mint", "own.csv", "--target", "diagnosis"], capsys, 2)
    assert "prove nothing" in run(["mint", "own.csv", "--target", "diagnosis", "--number", 2, "--out", "b"], capsys, 2)


def test_canaries_are_drawn_anew_each_time(workplace):
    table = pd.read_csv("own.csv")
    first = claim.mint(table, "diagnosis", 20, workplace / "a")
    second = claim.mint(table, "diagnosis", 20, workplace / "b")
    assert first != second
    a, b = pd.read_csv(workplace / "a" / "canaries.csv"), pd.read_csv(workplace / "b" / "canaries.csv")
    assert not a.equals(b)


def test_the_exact_test_errs_at_most_as_often_as_it_says():
    """Models that never saw the canaries, labels drawn by lot: any model will do."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    model = FunctionTarget(lambda v: np.c_[v[:, 0], v[:, 1], v[:, 2]], "logits")
    rejected = 0
    for seed in range(400):
        (canaries,) = from_arrays([(x, rng.integers(0, 3, 30))], classes=[0, 1, 2])
        rejected += claim.canaries_used(model, canaries, "none", seed).p_value <= 0.05
    assert rejected <= 32
