"""Real runs of every kind that a report must be readable for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import divulge
from divulge.games.properties import PropertyPlan

from .pages import CHROMIUM, OFFLINE


@pytest.fixture(scope="session")
def leak(tmp_path_factory, halves):
    x, y, u, v = halves
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(400) < 0.3, 1 - np.r_[y, v], np.r_[y, v])
    model = DecisionTreeClassifier(random_state=0).fit(x, noisy[:200])
    members, others, name = (x, noisy[:200]), (u, noisy[200:]), "A <leaky> & old tree"
    return divulge.audit(model, members, others, out=tmp_path_factory.mktemp("leak") / "r", name=name)


@pytest.fixture(scope="session")
def quiet(tmp_path_factory, halves, careful_model):
    x, y, u, v = halves
    return divulge.audit(careful_model, (x, y), (u, v), out=tmp_path_factory.mktemp("quiet") / "r", name="Quiet model")


@pytest.fixture(scope="session")
def invalid(tmp_path_factory, halves, careful_model):
    x, y, u, v = halves
    return divulge.audit(careful_model, (x, y), (u + 0.5 * x.std(0), v), out=tmp_path_factory.mktemp("bad") / "r")


@pytest.fixture(scope="session")
def regression(tmp_path_factory):
    x, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    inside, outside = order[:221], order[221:]
    model = DecisionTreeRegressor(max_depth=8, random_state=0).fit(x[inside], y[inside])
    out = tmp_path_factory.mktemp("regression") / "r"
    return divulge.audit(model, (x[inside], y[inside]), (x[outside], y[outside]), out=out)


@pytest.fixture(scope="session")
def persons(tmp_path_factory):
    """A tree that memorised its patients, who have several records each."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(100), rng.integers(1, 9, 100))
    middle = rng.normal(size=(100, 3))
    frame = pd.DataFrame(middle[who] + 0.3 * rng.normal(size=(len(who), 3)), columns=["a", "b", "c"])
    y = (frame["a"] + rng.normal(size=len(frame)) > 0).astype(int).to_numpy()
    inside = np.isin(who, rng.permutation(100)[:50])
    model = DecisionTreeClassifier(random_state=0).fit(frame[inside], y[inside])
    frame["patient"] = [f"P{number:03d}" for number in who]
    sides = (frame[inside], y[inside]), (frame[~inside], y[~inside])
    out = tmp_path_factory.mktemp("persons") / "r"
    settings = {"groups": "patient", "attacks": ["loss", "correctness"], "engine": "sequential"}
    return divulge.audit(model, *sides, out=out, **settings)


@pytest.fixture(scope="session")
def families(tmp_path_factory):
    """A tree that memorised its table, seen by whoever downloads it: all four families, and a sensitive attribute."""
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x, y = x.iloc[:, :5].copy(), y.map({0: "malignant", 1: "benign"})
    x["old"] = (x.iloc[:, 0] + np.random.default_rng(0).normal(0, 3, len(x)) > 14).astype(float)
    order = np.random.default_rng(1).permutation(len(x))
    names = ["loss", "lira", "learned_ratio", "attribute_learned", "csmia", "property_queries", "property_labels"]
    return divulge.audit(
        DecisionTreeClassifier(max_depth=8, random_state=0).fit(x.iloc[order[:150]], y.iloc[order[:150]]),
        *[(x.iloc[part], y.iloc[part]) for part in (order[:150], order[150:300], order[300:])],
        threat="published-model",
        attacks=[*names, "knockoff_random", "tree_paths_by_scores", "architecture"],
        sensitive=["old"],
        properties=PropertyPlan(("share(old == 1)",), (0.35, 0.65), victims=24, shadows=24),
        shadows=8,
        out=tmp_path_factory.mktemp("families") / "r",
        name="Tumour diagnosis",
    )


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        yield opened
        opened.close()
