"""Findings of one metric about several things stay apart wherever they are told."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.results.finding import Verdict
from divulge.runs.gate import judge


def test_two_attributes_that_leak_are_two_rules_two_lines_and_two_fingerprints(tmp_path):
    """What a finding is about goes along wherever findings are sorted by metric."""
    rng = np.random.default_rng(0)
    x = pd.DataFrame(
        {"a": rng.normal(size=600), "left": rng.choice(["u", "v"], 600), "right": rng.choice(["s", "t"], 600)}
    )
    y = 2 * (x["left"] == "u") + (x["right"] == "s")
    model = make_pipeline(make_column_transformer((OneHotEncoder(), ["left", "right"]), remainder="passthrough"),
                          DecisionTreeClassifier(random_state=0)).fit(x[:200], y[:200])  # fmt: skip
    run = divulge.audit(
        model, (x[:200], y[:200]), (x[200:400], y[200:400]), (x[400:], y[400:]), recipe=None, out=tmp_path / "r",
        attacks=["csmia"], sensitive=["left", "right"], threat="acquaintance",
        policy=divulge.Policy({"attribute_accuracy": -1.0}), progress=None,
    )  # fmt: skip
    names = {f"attribute_accuracy:{about}" for about in ("left", "right", "left and right")}
    assert {f.metric for f in run.findings} == names and {f.key for f in run.findings} == {"attribute_accuracy"}
    assert {f.verdict for f in run.findings} == {Verdict.LEAK}
    assert len(judge(tmp_path / "r").said()) == 3
    document = json.loads(run.report(tmp_path / "r.sarif").read_text())
    prints = {r["partialFingerprints"]["divulge/v1"] for r in document["runs"][0]["results"]}
    assert len(prints) == 3
    told = run.report(tmp_path / "r.md").read_text().partition("## What follows")[0]
    assert all(f"“{about}” inferred correctly" in told for about in ("left", "right", "left and right"))
