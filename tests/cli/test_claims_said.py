"""What `divulge claim` and `divulge epsilon` say."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from divulge.claims.cardinality import Cardinality
from divulge.claims.dataset_use import DRAWS, Usage
from divulge.cli.claim import _said
from divulge.core.results.estimate import Rate
from divulge.stats.exchange import permutation_p_value
from tests.cli.test_endings import run

RATE = Rate(1, 2)


def test_the_least_p_value_of_ten_thousand_draws_is_said_to_be_one():
    least = permutation_p_value(np.arange(100.0) + 200, np.arange(100.0), np.random.default_rng(0))
    assert least == 1 / (1 + DRAWS)
    assert _said(Usage(least, 0.8, 0.95, 100, 100), None, "sizes")[0].startswith("▲ p <= 0.0001: ")
    assert _said(Usage(0.0002, 0.8, 0.95, 100, 100), None, "sizes")[0].startswith("▲ p = 0.0002: ")


def test_two_lower_bounds_are_explained():
    used = Usage(0.001, 0.83, 0.95, 100, 100)
    share = Cardinality(1.0, 0.34, 1.0, 0.95, RATE, RATE, RATE, 10)
    told = " ".join(_said(used, share, "sizes"))
    assert "The two lower bounds come from two tests: 83 %" in told and "higher one, 83 %" in told
    assert len(_said(used, Cardinality(1.0, 0.83, 1.0, 0.95, RATE, RATE, RATE, 10), "sizes")) == 3


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"job": rng.choice(list("abcdef"), 240), "room": rng.integers(100, 160, 240).astype(str)})
    frame["ill"] = rng.choice(["no", "yes"], 240)
    encoder = ColumnTransformer([("codes", OneHotEncoder(handle_unknown="ignore"), ["job", "room"])])
    model = make_pipeline(encoder, RandomForestClassifier(10, random_state=0))
    joblib.dump(model.fit(frame[:120].drop(columns="ill"), frame[:120]["ill"]), tmp_path / "m.joblib")
    frame[:120].to_csv(tmp_path / "own.csv", index=False)
    frame[120:].to_csv(tmp_path / "fresh.csv", index=False)
    content = {"target": {"kind": "sklearn", "path": "m.joblib", "trust": True}}
    content["data"] = {"members": "own.csv", "nonmembers": "fresh.csv", "target": "ill", "duplicates": "keep"}
    (tmp_path / "audit.yaml").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_share_is_estimated_for_a_pipeline_of_encoders(workplace, capsys):
    code, out, err = run(["claim", "used", "audit.yaml", "--share"], capsys)
    assert code == 0 and "About " in out and "of the own records were used" in out, out + err


def test_a_canary_test_needs_no_records_of_ones_own(workplace, capsys):
    assert run(["claim", "mint", "own.csv", "--target", "ill", "--number", "10"], capsys)[0] == 0
    (workplace / "url.yaml").write_text(json.dumps({"target": {"kind": "sklearn", "path": "m.joblib", "trust": True}}))
    code, out, err = run(["claim", "test", "url.yaml", "--secret", "canaries/secret.json"], capsys)
    assert code == 0 and ", exact: the probability that a model that saw none of the 10 canaries" in out, err
    code, _, err = run(["audit", "url.yaml"], capsys)
    assert code == 2 and "data: is missing" in err


@pytest.mark.parametrize("claimed", ["0", "-1"])
def test_an_epsilon_of_nothing_is_not_tested(claimed, workplace, capsys):
    code, _, err = run(["epsilon", "audit.yaml", "--claimed", claimed], capsys)
    assert code == 2 and "it is above 0 and finite" in err and err.count("\n") == 1
