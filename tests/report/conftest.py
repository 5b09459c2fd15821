"""Real runs of every kind that a report must be readable for: each is made once, whatever the number of workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import divulge
from divulge.games.properties import PropertyPlan

from .pages import CHROMIUM, OFFLINE

try:
    import fcntl
except ImportError:  # a system without such locks: each worker makes its own
    fcntl = None  # type: ignore[assignment]


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], divulge.Run]], divulge.Run]:
    """A run by its name, from the worker that was the first to ask for it."""
    shared = "PYTEST_XDIST_WORKER" in os.environ and fcntl is not None
    root = tmp_path_factory.getbasetemp().parent if shared else tmp_path_factory.mktemp("runs")

    def opened(name: str, audit: Callable[[Path], divulge.Run]) -> divulge.Run:
        folder = root / f"{name} of reports"
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            if shared:
                fcntl.flock(lock, fcntl.LOCK_EX)
            made = (folder / "r" / "complete.json").is_file()
            return divulge.Run.open(folder / "r") if made else audit(folder / "r")

    return opened


@pytest.fixture(scope="session")
def leak(once, halves):
    x, y, u, v = halves
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(400) < 0.3, 1 - np.r_[y, v], np.r_[y, v])
    model = DecisionTreeClassifier(random_state=0).fit(x, noisy[:200])
    members, others, name = (x, noisy[:200]), (u, noisy[200:]), "A <leaky> & old tree"
    return once("leak", lambda out: divulge.audit(model, members, others, out=out, name=name))


@pytest.fixture(scope="session")
def quiet(once, halves, careful_model):
    x, y, u, v = halves
    return once("quiet", lambda out: divulge.audit(careful_model, (x, y), (u, v), out=out, name="Quiet model"))


@pytest.fixture(scope="session")
def invalid(once, halves, careful_model):
    x, y, u, v = halves
    return once("invalid", lambda out: divulge.audit(careful_model, (x, y), (u + 0.5 * x.std(0), v), out=out))


@pytest.fixture(scope="session")
def regression(once):
    x, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    inside, outside = order[:221], order[221:]
    model = DecisionTreeRegressor(max_depth=8, random_state=0).fit(x[inside], y[inside])
    sides = (x[inside], y[inside]), (x[outside], y[outside])
    return once("regression", lambda out: divulge.audit(model, *sides, out=out))


@pytest.fixture(scope="session")
def persons(once):
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
    settings = {"groups": "patient", "attacks": ["loss", "correctness"], "engine": "sequential"}
    return once("persons", lambda out: divulge.audit(model, *sides, out=out, **settings))


@pytest.fixture(scope="session")
def families(once):
    """A tree that memorised its table, seen by whoever downloads it: all four families, and a sensitive attribute."""
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x, y = x.iloc[:, :5].copy(), y.map({0: "malignant", 1: "benign"})
    x["old"] = (x.iloc[:, 0] + np.random.default_rng(0).normal(0, 3, len(x)) > 14).astype(float)
    order = np.random.default_rng(1).permutation(len(x))
    sets = [(x.iloc[part], y.iloc[part]) for part in (order[:150], order[150:300], order[300:])]
    names = ["loss", "lira", "learned_ratio", "attribute_learned", "csmia", "property_queries", "property_labels"]
    settings = {
        "threat": "published-model",
        "attacks": [*names, "knockoff_random", "tree_paths_by_scores", "architecture"],
        "sensitive": ["old"],
        "properties": PropertyPlan(("share(old == 1)",), (0.35, 0.65), victims=24, shadows=24),
        "shadows": 8,
        "name": "Tumour diagnosis",
    }
    model = DecisionTreeClassifier(max_depth=8, random_state=0).fit(*sets[0])
    return once("families", lambda out: divulge.audit(model, *sets, out=out, **settings))


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        yield opened
        opened.close()
