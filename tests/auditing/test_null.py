"""Where nothing leaks, nothing is found: forty audits of a model that never saw the records."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.results.finding import Verdict
from divulge.stats.auc import null_deviation

SEEDS = 40
ATTACKS = ("loss", "correctness", "confidence", "ml_leaks_unsupervised")


@cache
def run(seed: int, folder: str) -> divulge.Run:
    """Odd seeds: a memorising tree that saw other patients.  Even seeds: one that saw random labels of others."""
    rng = np.random.default_rng(seed)
    x, y = load_breast_cancer(return_X_y=True)
    x = x + rng.normal(size=x.shape) * x.std(axis=0) * 0.01
    order = rng.permutation(len(x))
    seen, a, b, c = np.split(order[:560], [140, 290, 440])
    taught = y[seen] if seed % 2 else rng.integers(0, 2, len(seen))
    model = DecisionTreeClassifier(min_samples_leaf=3, random_state=seed).fit(x[seen], taught)
    return divulge.audit(
        model,
        members=(x[a], y[a]),
        nonmembers=(x[b], y[b]),
        population=(x[c], y[c]),
        attacks=list(ATTACKS),
        seed=seed,
        out=f"{folder}/{seed}",
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("null"))
    return [run(seed, folder) for seed in range(SEEDS)]


def test_hardly_any_verdict_is_leak(runs):
    assert sum(r.verdict is Verdict.LEAK for r in runs) <= 2


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_auc_stays_within_two_standard_errors_of_a_half(runs, attack):
    values = [f.value for r in runs for f in r.findings if f.attack == attack and f.metric == "auc"]
    assert len(values) == SEEDS
    near = np.abs(np.array(values) - 0.5) <= 2 * null_deviation(150, 150)
    assert near.sum() >= binom.ppf(0.001, SEEDS, 0.954)  # how many of so many are near, all but once in a thousand


def test_the_baseline_hardly_ever_raises_a_false_alarm(runs):
    assert sum(r.result.baseline.alarm is not None for r in runs) <= 3
