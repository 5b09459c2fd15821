"""Knobs of recipes: turned towards less memory, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.training.recipes.knobs import MOST, knobs
from divulge.training.recipes.sklearn import SklearnRecipe


def mitigations(estimator):
    return {words: recipe.estimator for words, recipe in knobs(SklearnRecipe(estimator))}


def test_estimators_are_turned_where_their_settings_are_known():
    assert mitigations(LogisticRegression(C=2.0))["a tenth of C (0.2 for 2.0)"].C == 0.2
    assert mitigations(GaussianNB()) == {}
    found = mitigations(GradientBoostingClassifier(n_estimators=80, max_depth=8))
    assert [m.n_estimators for m in found.values()] == [40, 80] and [m.max_depth for m in found.values()] == [8, 4]
    assert mitigations(RandomForestClassifier())["a limit to max_depth (6 for None)"].max_depth == 6
    assert len(mitigations(DecisionTreeClassifier(max_depth=9))) <= MOST


def test_an_estimator_inside_a_pipeline_is_turned_too():
    inside = make_pipeline(StandardScaler(), LogisticRegression(C=1.0))
    (made,) = mitigations(inside).values()
    assert made[-1].C == 0.1 and inside[-1].C == 1.0


def test_networks_are_turned():
    torch = pytest.importorskip("torch")
    from divulge.training.recipes.pytorch import TorchRecipe

    found = knobs(TorchRecipe(lambda: torch.nn.Linear(2, 2), epochs=30))
    assert [(w, r.epochs, r.weight_decay) for w, r in found] == [
        ("half the epochs (15 for 30)", 15, 0.0),
        ("more weight decay (0.01 for 0)", 30, 0.01),
    ]


def test_a_knob_that_helps_is_seen_to_help_and_its_price_is_said(tmp_path):
    """Labels half at random: a deep tree learns them by heart, a shallow one cannot, and is the better for it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 4))
    y = (x[:, 0] + 1.5 * rng.normal(size=800) > 0).astype(int)
    tree = DecisionTreeClassifier(random_state=0).fit(x[:400], y[:400])
    run = divulge.audit(tree, (x[:400], y[:400]), (x[400:], y[400:]), attacks=["loss"], out=tmp_path / "r")
    found = {w.name: w for w in run.result.what_if}
    shallow = found["a limit to max_depth (6 for None)"]
    assert shallow.after < shallow.before - 0.1 and shallow.share > 0.2
    assert shallow.measured.startswith("on unseen records accuracy +") and "points" in shallow.measured
    assert "Train with a limit to max_depth" in run.report().read_text()
