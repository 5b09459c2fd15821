"""A split that is not random makes every finding invalid."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.results.finding import Verdict


def audited(shift, tmp_path, seed=0):
    """Random halves; the first ten features of the non-members moved by `shift` standard deviations."""
    rng = np.random.default_rng(seed)
    x, y = load_breast_cancer(return_X_y=True)
    copies = np.concatenate([x, x, x, x])
    x = copies + rng.normal(size=copies.shape) * x.std(axis=0) * 0.3
    y = np.tile(y, 4)
    order = rng.permutation(len(x))
    a, b = order[:1000], order[1000:2000]
    outside = x[b].copy()
    outside[:, :10] += shift * x.std(axis=0)[:10]
    model = DecisionTreeClassifier(random_state=0).fit(x[a], y[a])
    return divulge.audit(
        model, (x[a], y[a]), (outside, y[b]), attacks=["loss", "correctness"], seed=seed, out=tmp_path / str(shift)
    )


def test_a_planted_shift_of_a_fifth_of_a_deviation_is_invalid(tmp_path):
    run = audited(0.2, tmp_path)
    assert run.verdict is Verdict.INVALID
    assert {f.verdict for f in run.findings} <= {Verdict.INVALID, Verdict.NOT_MEASURABLE}
    assert "draw them at random from one set" in run.result.baseline.alarm


def test_the_same_audit_without_the_shift_is_a_leak(tmp_path):
    run = audited(0.0, tmp_path)
    assert run.verdict is Verdict.LEAK and run.result.baseline.alarm is None


@pytest.mark.parametrize("seed", range(4))
def test_the_shift_is_seen_under_other_seeds(seed, tmp_path):
    assert audited(0.2, tmp_path, seed + 10).verdict is Verdict.INVALID


def test_a_column_that_gives_the_split_away_is_named(tmp_path):
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 3)), columns=["age", "pulse", "weight"])
    frame["patient"] = np.r_[rng.integers(0, 900, 200), rng.integers(100, 1000, 200)]
    y = (frame["age"] > 0).astype(int)
    model = DecisionTreeClassifier(max_depth=2).fit(frame[:200], y[:200])
    sets = (frame[:200], y[:200]), (frame[200:], y[200:])
    run = divulge.audit(model, *sets, attacks=["loss"], recipe=None, out=tmp_path / "r")
    alone = roc_auc_score(np.arange(400) >= 200, frame["patient"])
    assert run.verdict is Verdict.INVALID
    assert f"the column 'patient' alone gives it away (AUC {alone:.3f})" in run.result.baseline.alarm
