from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.tree import DecisionTreeRegressor
from torch import nn

import divulge
from divulge.core.results.finding import Played, Verdict


def test_a_regression_model_has_its_own_attacks(tmp_path):
    x, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    a, b = order[:200], order[200:400]
    model = DecisionTreeRegressor(min_samples_leaf=2, random_state=0).fit(x[a], y[a])
    run = divulge.audit(model, (x[a], y[a]), (x[b], y[b]), out=tmp_path / "r")
    assert run.verdict is Verdict.LEAK
    assert {o.attack for o in run.outcomes} == {"absolute_error", "calibrated_error"}
    assert "Mean absolute error" in run.report().read_text()


def test_a_torch_module_with_a_recipe(tmp_path, halves):
    x, y, u, v = (np.asarray(part, dtype=np.float32) for part in halves)
    y, v = y.astype(int), v.astype(int)
    center, spread = x.mean(axis=0), x.std(axis=0)
    x, u = (x - center) / spread, (u - center) / spread

    def build():
        return nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))

    recipe = divulge.TorchRecipe(build, epochs=5, learning_rate=1e-2)
    from divulge.data.arrays import from_arrays

    module = recipe.fit(from_arrays([(x, y)])[0], seed=1)
    before = {k: w.clone() for k, w in module.state_dict().items()}
    run = divulge.audit(module, (x, y), (u, v), recipe=recipe, attacks=["loss", "confidence"], out=tmp_path / "r")
    assert all(isinstance(o.result, Played) for o in run.outcomes)
    assert all(torch.equal(before[k], w) for k, w in module.state_dict().items()), "an audit changes nothing"
    assert all(f.control is not None for f in run.findings if f.metric == "auc")


def test_a_function_that_trains_is_a_recipe(tmp_path, halves):
    from sklearn.linear_model import LogisticRegression

    x, y, u, v = halves

    def train(a, b, seed):
        return LogisticRegression(max_iter=3000).fit(a, b)

    run = divulge.audit(train(x, y, 0), (x, y), (u, v), recipe=train, attacks=["confidence"], out=tmp_path / "r")
    assert isinstance(run.outcomes[0].result, Played)


def test_data_frames_with_categories_and_sensitive_columns(tmp_path):
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(50, 10, 600), "town": rng.choice(["Ulm", "Rom", "Bad"], 600)})
    ill = np.where(rng.random(600) < 0.5, "yes", "no")
    encode = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    model = make_pipeline(encode, DecisionTreeClassifier(random_state=0)).fit(frame[:300], ill[:300])
    run = divulge.audit(
        model,
        (frame[:300], ill[:300]),
        (frame[300:], ill[300:]),
        attacks=["correctness"],
        sensitive=["town"],
        out=tmp_path / "r",
    )
    assert run.verdict is Verdict.LEAK and run.result.facts.data.sensitive == ("town",)
    frame_of_findings = run.to_frame()
    assert set(frame_of_findings["metric"]) >= {"auc", "epsilon"}


def test_a_score_table_is_audited_like_a_model(tmp_path):
    rng = np.random.default_rng(0)
    keep = rng.random((4, 2000)) < 0.5
    signal = rng.normal(size=(4, 2000)) + keep
    table = divulge.ScoreTable(None, signal, keep, np.zeros(2000, dtype=int))
    run = divulge.audit(table, attacks=["loss"], out=tmp_path / "r")
    (area,) = (f for f in run.findings if f.metric == "auc")
    assert area.low < 0.760 < area.high, "normal scores one deviation apart have an AUC of 0.760"
    assert "the records themselves were not given" in run.result.baseline.missing


@pytest.mark.parametrize("format", ["html", "md", "json", "sarif"])
def test_reports_in_every_format(tmp_path, halves, careful_model, format):
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), attacks=["loss"], out=tmp_path / format)
    assert run.report(tmp_path / f"report.{format}").stat().st_size > 1000


def test_a_report_of_an_unknown_format(tmp_path, halves, careful_model):
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), attacks=["loss"], out=tmp_path / "r")
    with pytest.raises(divulge.InputError, match="choose one of html, md, json, sarif"):
        run.report("report.docx")
