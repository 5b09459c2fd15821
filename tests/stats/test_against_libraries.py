"""Our numbers against scikit-learn, scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from divulge.core.results.estimate import Rate
from divulge.core.results.trials import Scored
from divulge.stats.auc import auc, null_deviation
from divulge.stats.intervals import clopper_pearson, newcombe, p_value, wilson
from divulge.stats.many.multiplicity import holm
from divulge.stats.roc import roc


def evidence(score, member):
    score, member = np.asarray(score, dtype=float), np.asarray(member, dtype=bool)
    index = np.arange(len(score))
    return Scored(score, member, index, index)


TRIALS = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({m for _, m in rows}) == 2
)


@given(TRIALS)
def test_auc_equals_scikit_learn_with_any_ties(rows):
    score, member = zip(*rows, strict=True)
    assert auc(evidence(score, member)).value == pytest.approx(roc_auc_score(member, score))


@given(TRIALS)
def test_roc_equals_scikit_learn_without_interpolation(rows):
    score, member = zip(*rows, strict=True)
    fpr, tpr, _ = roc_curve(member, score, drop_intermediate=False)
    ours = roc(evidence(score, member))
    np.testing.assert_allclose(ours.fp / ours.n_control, fpr)
    np.testing.assert_allclose(ours.tp / ours.n_exposed, tpr)


def test_delong_variance_equals_the_definition():
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(0.5, 1, 40).round(1), rng.normal(0, 1, 30).round(1)
    wins = (inside[:, None] > outside) + 0.5 * (inside[:, None] == outside)
    expected = wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 30
    ours = auc(evidence(np.r_[inside, outside], np.r_[np.ones(40), np.zeros(30)]))
    assert ours.value == pytest.approx(wins.mean())
    assert ours.variance == pytest.approx(expected)


def test_the_null_deviation_is_that_of_mann_and_whitney():
    rng = np.random.default_rng(1)
    values = [auc(evidence(rng.random(25), np.arange(25) < 10)).value for _ in range(4000)]
    assert np.std(values) == pytest.approx(null_deviation(10, 15), rel=0.05)
    u = stats.mannwhitneyu(rng.random(10), rng.random(15), method="asymptotic").statistic
    assert 0 <= u <= 150


@given(st.integers(1, 400), st.data(), st.floats(0.001, 0.3))
def test_rates_equal_statsmodels(n, data, alpha):
    k = data.draw(st.integers(0, n))
    exact = proportion_confint(k, n, alpha, method="beta")
    np.testing.assert_allclose(clopper_pearson(Rate(k, n), alpha), exact, atol=1e-9)
    score = proportion_confint(k, n, alpha, method="wilson")
    np.testing.assert_allclose(wilson(Rate(k, n), alpha), score, atol=1e-9)


@settings(max_examples=50)
@given(st.integers(2, 200), st.integers(2, 200), st.data())
def test_differences_equal_statsmodels(n1, n2, data):
    k1, k2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    theirs = confint_proportions_2indep(k1, n1, k2, n2, method="newcomb", compare="diff", alpha=0.05)
    np.testing.assert_allclose(newcombe(Rate(k1, n1), Rate(k2, n2), 0.05), theirs, atol=1e-9)


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_equals_statsmodels(p_values):
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-12)


@given(st.integers(1, 200), st.data())
def test_a_p_value_rejects_exactly_where_the_bound_exceeds(n, data):
    rate = Rate(data.draw(st.integers(0, n)), n)
    p = p_value(lambda alpha: clopper_pearson(rate, alpha).low, 0.3)
    for alpha in (0.2, 0.05, 0.01):
        if abs(p / alpha - 1) > 0.01:
            assert (p < alpha) == (clopper_pearson(rate, alpha).low > 0.3)


def test_the_p_value_of_a_binomial_bound_is_that_of_scipy():
    p = p_value(lambda alpha: clopper_pearson(Rate(40, 100), alpha).low, 0.25)
    assert p / 2 == pytest.approx(stats.binomtest(40, 100, 0.25, alternative="greater").pvalue, rel=2e-3)
