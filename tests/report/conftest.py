"""Real runs of every kind that a report must be readable for: each is made once, whatever the number of workers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import divulge
from tests.audited import table

from .pages import CHROMIUM, OFFLINE


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
    return once("table", table)


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        yield opened
        opened.close()
