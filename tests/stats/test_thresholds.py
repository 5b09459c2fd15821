"""Rates at a threshold that is itself random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from divulge.core.results.estimate import Rate
from divulge.core.results.trials import Scored
from divulge.stats.privacy.epsilon import epsilon_lower_bound, epsilon_p_value
from divulge.stats.roc import OperatingPoint, allowed, at_fnr, at_fpr, roc
from divulge.stats.thresholds import at_least, at_most, named_above, named_below, refuted_up_to, tpr_interval


def point(m, n1, k, n0):
    return OperatingPoint(Rate(m, n1), Rate(k, n0))


def curve_of(inside, outside):
    score = np.concatenate([inside, outside])
    index = np.arange(len(score))
    return roc(Scored(score, index < len(inside), index, index))


@given(n1=st.integers(1, 300), n0=st.integers(1, 300), data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_test_of_more_than_guessing_is_fishers(n1, n0, data):
    m, k = data.draw(st.integers(1, n1)), data.draw(st.integers(0, n0 - 1))
    p = at_least(point(m, n1, k, n0), lambda p: p)
    assert p == pytest.approx(stats.betabinom.sf(m - 1, n1, k + 1, n0 - k), rel=1e-5, abs=1e-11)
    assert p == pytest.approx(stats.fisher_exact([[m, n1 - m], [k, n0 - k]], "greater").pvalue, rel=1e-5, abs=1e-13)


@pytest.mark.parametrize(("m", "n1", "k", "n0"), [(3, 40, 0, 99), (20, 100, 4, 80), (60, 300, 30, 400)])
def test_other_hypotheses_are_integrals(m, n1, k, n0):
    law, least = named_above(0.12, 0.05), named_below(0.3, 0.05)
    more = integrate.quad(
        lambda p: stats.beta.pdf(p, k + 1, n0 - k) * stats.binom.sf(m - 1, n1, min(1.0, law(p))), 0, 1, points=[0.05]
    )[0]
    less = integrate.quad(
        lambda p: stats.beta.pdf(p, k + 1, n0 - k) * stats.binom.cdf(m, n1, least(p)), 0, 1, points=[0.05]
    )[0]
    assert at_least(point(m, n1, k, n0), law) == pytest.approx(more, rel=2e-3)
    assert at_most(point(m, n1, k + 1, n0), least) == pytest.approx(less, rel=2e-3)


def test_thresholds_have_the_rate_that_is_asked_for_on_average():
    assert [allowed(n, 0.01) for n in (98, 99, 198, 199, 999)] == [-1, 0, 0, 1, 9]
    assert allowed(999, 0.001) == 0 and allowed(998, 0.001) == -1
    rng = np.random.default_rng(0)
    tops = [np.sort(rng.random(999))[-1] for _ in range(3000)]
    assert np.mean(1 - np.array(tops)) == pytest.approx(0.001, rel=0.1)
    mirrored = curve_of(np.arange(99.0), np.zeros(10))
    assert at_fnr(mirrored, 0.01).tpr.successes == 99 and at_fnr(mirrored, 0.02).tpr.successes == 98


def test_the_interval_holds_the_rate_at_the_false_positive_rate_itself():
    """Clopper and Pearson's at the threshold held 59 to 67 % of such curves."""
    rng, truth, missed = np.random.default_rng(1), special.ndtr(special.ndtri(0.01) + 1), 0
    for _ in range(60):
        low, high = tpr_interval(curve_of(rng.normal(1, 1, 500), rng.normal(0, 1, 500)), 0.01, 0.05)
        missed += not low <= truth <= high
    assert missed <= 6


def test_an_interval_is_not_needlessly_wide_where_the_curve_is_flat():
    """Ten per cent of the members stand out, 10,000 others: hardly wider than if the threshold were known."""
    inside = np.r_[np.full(100, 99.0), np.linspace(0, 1, 900)]
    low, high = tpr_interval(curve_of(inside, np.linspace(0, 1, 10_000)), 0.01, 0.05)
    assert 0.078 < low < 0.1 < high < 0.14


def test_the_exact_test_has_the_power_that_two_intervals_have_not():
    rng, found, false = np.random.default_rng(2), 0, 0
    for _ in range(400):
        k = 9  # 1000 a side at 1 %
        named = np.sort(rng.random(1000))[::-1][k]
        for extra in (0.0, 0.015):
            m = int(rng.binomial(1000, 1 - named + extra))
            rejects = m > 0 and at_least(point(m, 1000, k, 1000), lambda p: p) <= 0.025
            found, false = found + (rejects and extra > 0), false + (rejects and extra == 0)
    assert found >= 280 and false <= 20  # 0.78 and at most 0.025 of 400; 0.37 for two intervals


def test_an_epsilon_is_excluded_where_its_p_value_says_so():
    rng = np.random.default_rng(3)
    curve = curve_of(rng.normal(2, 1, 300), rng.normal(0, 1, 300))
    bound = epsilon_lower_bound(curve, 1e-5, 0.05)
    assert bound > 1 and epsilon_p_value(curve, bound, 1e-5) == pytest.approx(0.05, rel=1e-3)
    assert at_fpr(curve, 0.01).fpr.successes == 2
    assert refuted_up_to(lambda x: x + 1e-9, 1.0, 0.2) == pytest.approx(0.2, abs=1e-5)
