"""Three whole audits come out as they did before: a change of the house is no change of what is found.

`python -m tests.house.test_same_figures` writes the figures anew, for a change that means to alter them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.tree import DecisionTreeRegressor
from tests.audited import table

import divulge

KEPT = Path(__file__).with_name("same_figures.json")
FIGURES = ("value", "low", "high", "chance", "baseline", "control", "positive_control", "advantage", "advantage_low")
FIGURES += ("power", "p_value", "p_adjusted", "attainable", "p_below", "threshold")
DIGITS = 9
"""Significant ones: the last few of a double differ between processors."""


def network(out):
    """A small network and its updates, as the server of a federated training sees them."""
    torch = pytest.importorskip("torch")
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    order = np.random.default_rng(2).permutation(len(x))
    sets = [(x[part], y[part]) for part in (order[:120], order[120:240], order[240:700])]

    def build():
        return torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10))

    torch.manual_seed(0)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.from_numpy(sets[0][0])), torch.from_numpy(sets[0][1])).backward()
        optimizer.step()
    return divulge.audit(
        model,
        *sets,
        threat="federated-server",
        recipe=divulge.TorchRecipe(build, epochs=20, learning_rate=0.02),
        attacks=["loss", "gradient_norm", "lira", "analytic_gradient", "label_counts", "idlg", "last_layer"],
        classes=list(range(10)),
        shadows=4,
        seed=5,
        engine="sequential",
        out=out,
        progress=None,
    )


def persons(out):
    """A regression over persons with three rows each."""
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    x, y = x.iloc[:420], y.iloc[:420]
    whose = [f"person {n // 3}" for n in range(420)]
    parts = slice(0, 180), slice(180, 360), slice(360, 420)
    return divulge.audit(
        DecisionTreeRegressor(random_state=0).fit(x.iloc[parts[0]], y.iloc[parts[0]]),
        *[(x.iloc[part], y.iloc[part]) for part in parts],
        attacks=["absolute_error", "calibrated_error"],
        groups=tuple(whose[part] for part in parts),
        shadows=8,
        seed=7,
        out=out,
        progress=None,
    )


AUDITS = {audit.__name__: audit for audit in (table, network, persons)}


def figures(run):
    """What an audit found, one line a finding, and what it could not play."""
    told = {"verdict": run.verdict.value, "families": {name: v.value for name, v in run.verdicts.items()}}
    for outcome in run.outcomes:
        result = outcome.result
        told[outcome.attack] = getattr(result, "reason", getattr(result, "error", f"{outcome.queries} queries"))
    for f in run.findings:
        numbers = [getattr(f, name) for name in FIGURES]
        line = " ".join("-" if n is None else f"{n:.{DIGITS}g}" for n in numbers)
        told[f"{f.attack} {f.metric}"] = f"{f.verdict.value} {f.asset} {line}"
    return told


@pytest.mark.parametrize("name", AUDITS)
def test_the_figures_are_the_same(name, once, tmp_path):
    found = figures(once(name, AUDITS[name]))
    assert found == json.loads(KEPT.read_text())[name]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = {name: figures(audit(Path(folder, name))) for name, audit in AUDITS.items()}
    KEPT.write_text(json.dumps(made, indent=1) + "\n")
    sys.stdout.write(f"{sum(map(len, made.values()))} lines\n")
