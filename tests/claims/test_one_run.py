"""A claimed epsilon: a broken claim is refuted, a true one hardly ever; no bound passes what the sample can show."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

import divulge
from divulge.claims.guesses import judged
from divulge.cli.app import app
from divulge.core.errors import Notice

N = 600


def numbered(n, start=0):
    """Records that are their own number, with labels by parity."""
    number = np.arange(start, start + n, dtype=float)
    return number[:, None], (number % 2).astype(int)


def randomized_response(epsilon):
    """Training that is exactly epsilon-differentially private: of every record it says truly with probability
    e^epsilon / (1 + e^epsilon) whether it was trained on, under the label given, and lies otherwise.
    """

    def train(x, y, seed):
        rng = np.random.default_rng(seed)
        seen = dict(zip(x[:, 0].astype(int).tolist(), y.tolist(), strict=True))
        truthful = rng.random(10_000) < np.exp(epsilon) / (1 + np.exp(epsilon))

        def model(asked):
            rows = []
            for number in asked[:, 0].astype(int):
                label = seen.get(int(number), -1)
                told = label if truthful[number] else (-1 if label >= 0 else 1 - number % 2)
                rows.append([0.5, 0.5] if told < 0 else [0.9, 0.1] if told == 0 else [0.1, 0.9])
            return np.array(rows)

        return model

    return train


def test_a_mechanism_that_lies_less_than_it_claims_is_refuted():
    found = divulge.audit_epsilon(randomized_response(4.0), numbered(100), numbered(N, 1000), claimed=1.0, delta=0.0)
    assert found.verdict == "leak" and 1.0 < found.epsilon <= 4.0 and found.epsilon <= found.ceiling


def test_a_true_claim_is_hardly_ever_refuted():
    refuted = [
        divulge.audit_epsilon(
            randomized_response(1.0), numbered(20), numbered(200, 1000), claimed=1.0, delta=0.0, seed=seed
        ).verdict
        == "leak"
        for seed in range(100)
    ]
    assert np.mean(refuted) <= 0.05


def test_a_tree_that_learns_by_heart_reaches_the_ceiling():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6500, 3))
    y = (x[:, 0] > 0).astype(int)
    tree = DecisionTreeClassifier(random_state=0)
    found = divulge.audit_epsilon(tree, (x[:6000], y[:6000]), (x[6000:], y[6000:]), claimed=2.0)
    assert found.verdict == "leak" and 2.0 < found.epsilon <= found.ceiling
    assert found.epsilon_if_gaussian > found.epsilon


def test_a_model_that_hardly_moves_shows_nothing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5500, 3))
    y = (x[:, 0] > 0).astype(int)
    found = divulge.audit_epsilon(LogisticRegression(C=1e-4), (x[:5000], y[:5000]), (x[5000:], y[5000:]), claimed=1.0)
    assert found.verdict == "not found" and found.epsilon < 1.0


def test_scores_by_lot_show_nothing():
    rng = np.random.default_rng(3)
    above = [
        judged(rng.normal(size=200), rng.random(200) < 0.5, None, 1e-5, 0.95, rng).epsilon_if_gaussian > 0
        for _ in range(200)
    ]
    assert np.mean(above) <= 0.06


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fresh": numbered(10, 1000)}, "at least 50 fresh records"),
        *(({"claimed": e}, "claimed: an epsilon of") for e in (0.0, -1.0, float("nan"), float("inf"))),
        *(({"delta": d}, "delta: a delta of") for d in (1.0, -1e-5, float("nan"))),
        ({"canary": "yellow"}, "mislabelled or natural"),
        ({"recipe": None}, "needs a recipe"),
    ],
)
def test_bad_input_names_the_cure(change, message):
    given = {"recipe": randomized_response(1.0), "records": numbered(50), "fresh": numbered(100, 1000)} | change
    with pytest.raises(divulge.InputError, match=message):
        divulge.audit_epsilon(**given)


@pytest.fixture
def audit_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    frame = pd.DataFrame(x[order], columns=[f"f{i}" for i in range(30)]).assign(ill=y[order])
    frame[:420].to_csv(tmp_path / "members.csv", index=False)
    frame[420:].to_csv(tmp_path / "nonmembers.csv", index=False)
    model = DecisionTreeClassifier(random_state=0).fit(frame[:420].drop(columns="ill"), frame[:420]["ill"])
    joblib.dump(model, tmp_path / "model.joblib")
    (tmp_path / "audit.yaml").write_text(
        "target: {kind: sklearn, path: model.joblib, trust: true}\n"
        "data: {members: members.csv, nonmembers: nonmembers.csv, target: ill}\n"
    )
    return tmp_path / "audit.yaml"


def test_the_command_refutes_a_claim(audit_file):
    told = CliRunner().invoke(app, ["epsilon", str(audit_file), "--claimed", "1"])
    assert told.exit_code == 1 and "The claim is refuted" in told.output
    told = CliRunner().invoke(app, ["epsilon", str(audit_file), "--claimed", "50", "--json"])
    assert told.exit_code == 3 and json.loads(told.output)["verdict"] == "not found"
    told = CliRunner().invoke(app, ["epsilon", str(audit_file), "--claimed", "50"])
    assert told.exit_code == 3 and "could not have refuted it: they show" in told.output
    told = CliRunner().invoke(app, ["epsilon", str(audit_file)])
    assert told.exit_code == 0


def test_the_command_keeps_a_run_that_is_reported_gated_compared_and_gone_on_with(audit_file):
    def said(*arguments):
        told = CliRunner().invoke(app, [*map(str, arguments)])
        return told.exit_code, told.output

    runs = audit_file.parent / "runs"
    code, first = said("epsilon", audit_file, "--claimed", 1, "--out", runs)
    (run,) = (path.parent for path in runs.glob("*/run.json"))
    assert code == 1 and f"Run: {run}; report: " in first and (run / "report.html").is_file()
    code, gated = said("gate", run)
    assert code == 1 and "one_run: epsilon is at least" in gated
    code, read = said("epsilon", audit_file, "--claimed", 1, "--resume", run)
    assert (code, read) == (1, first)
    assert said("epsilon", audit_file, "--claimed", 2, "--resume", run)[0] == 2
    code, calm = said("epsilon", audit_file, "--claimed", 3.2, "--canary", "natural", "--out", runs, "--json")
    code, gated = said("gate", json.loads(calm)["run"])
    assert code == 0 and "Nothing else was examined" in gated and "within policy" not in gated
    code, few = said("epsilon", audit_file, "--claimed", 50, "--out", runs, "--json")
    assert code == 3 and said("gate", json.loads(few)["run"])[0] == 3
    code, both = said("compare", run, json.loads(few)["run"])
    assert code == 0 and all(words in both for words in ("The claimed epsilon is", "refuted", "could not be", "tested"))
    code, page = said("report", run, "--format", "md", "-o", "-")
    assert code == 0 and "A fair coin decided for each canary" in page


def test_a_delta_above_one_over_the_records_is_said():
    with pytest.warns(Notice, match="above 1 / 150 records"):
        divulge.audit_epsilon(randomized_response(1.0), numbered(50), numbered(200, 1000), delta=0.1)


def noisy_canaries(rng, mu, canaries):
    inside = rng.random(canaries) < 0.5
    return rng.normal(size=canaries) + mu * inside, inside


def test_independent_canaries_lose_nothing_of_a_gaussian_mechanism():
    """1000 canaries, mu = 1: guesses alone show about half of mu, scores of independent ones four fifths."""
    rng = np.random.default_rng(5)
    found = [judged(*noisy_canaries(rng, 1.0, 1000), None, 1e-5, 0.95, rng) for _ in range(20)]
    shown = np.array([each.mu_if_independent for each in found])
    assert 0.78 < np.median(shown) < 0.95 and (shown > 1.0).sum() <= 3
    assert np.median([each.mu for each in found]) < 0.7
    assert all(max(each.epsilon, each.epsilon_if_independent) <= 4.38 for each in found)
    assert np.median([each.epsilon_if_both for each in found]) > 2 * np.median([each.epsilon for each in found])


def test_several_runs_are_one_with_as_many_more_canaries():
    few, many = (
        divulge.audit_epsilon(randomized_response(2.0), numbered(50), numbered(150, 1000), delta=0.0, runs=n, seed=1)
        for n in (1, 6)
    )
    assert (few.runs, few.canaries, many.runs, many.canaries) == (1, 150, 6, 900)
    assert few.epsilon < many.epsilon <= 2.0 and many.epsilon_if_independent <= 2.0
    assert few.ceiling < many.ceiling


def test_several_runs_refute_a_true_claim_in_at_most_five_percent():
    above = [
        divulge.audit_epsilon(
            randomized_response(1.0), numbered(20), numbered(60, 1000), claimed=1.0, delta=0.0, seed=seed, runs=3
        )
        for seed in range(40)
    ]
    assert np.mean([each.verdict == "leak" for each in above]) <= 0.1
    assert np.mean([each.epsilon_if_independent > 1.0 for each in above]) <= 0.1
    with pytest.raises(divulge.InputError, match="train at least once"):
        divulge.audit_epsilon(randomized_response(1.0), numbered(20), numbered(60, 1000), runs=0)
