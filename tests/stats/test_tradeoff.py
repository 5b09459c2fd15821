"""Two rates judged at once: Fisher's test, closed forms, error rates under the null, a curve that lies where it may."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from divulge.core.results.estimate import Rate
from divulge.core.results.trials import Scored
from divulge.stats.privacy.epsilon import ceiling, epsilon_lower_bound, epsilon_p_value
from divulge.stats.privacy.gaussian import epsilon_of, mu_lower_bound, mu_p_value
from divulge.stats.privacy.tradeoff import credible_epsilon, credible_share, gaussian, private, trade_off
from divulge.stats.roc import OperatingPoint, roc
from divulge.stats.thresholds import at_least


def point(tp, m, fp, n):
    return OperatingPoint(Rate(tp, m), Rate(fp, n))


@pytest.mark.parametrize("counts", [(7, 10, 3, 10), (70, 100, 30, 100), (100, 100, 0, 100), (5, 20, 1, 200)])
def test_equal_rates_are_judged_by_fishers_exact_test(counts):
    tp, m, fp, n = counts
    fisher = stats.fisher_exact([[tp, m - tp], [fp, n - fp]], alternative="greater").pvalue
    assert at_least(point(*counts), private(0.0, 0.0)) == pytest.approx(fisher, rel=2e-3)


def test_any_counts_are_judged_by_fishers_exact_test():
    """At both ends too, where quantiles of beta variables are hard to find: 999 of 1000 against 997 is nothing."""
    rng = np.random.default_rng(9)
    for _ in range(100):
        m, n = (int(v) for v in rng.integers(1, 1_000, 2))
        share = [rng.choice([u, u**9, 1 - u**9]) for u in rng.random(2)]
        tp, fp = round(m * share[0]), round(n * share[1])
        fisher = stats.fisher_exact([[tp, m - tp], [fp, n - fp]], alternative="greater").pvalue
        found = at_least(point(tp, m, fp, n), private(0.0, 0.0))
        assert found == pytest.approx(max(fisher, 1e-300), rel=0.01), (tp, m, fp, n)


@pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0])
def test_one_pair_by_hand(epsilon):
    """One member above one non-member: at most e^epsilon / (1 + e^epsilon), the area below the region's two lines."""
    assert at_least(point(1, 1, 0, 1), private(epsilon, 0.0)) == pytest.approx(stats.logistic.cdf(epsilon), rel=1e-3)


def test_one_pair_under_a_gaussian():
    """The area under the curve of two Gaussians, Phi(mu / sqrt 2)."""
    assert at_least(point(1, 1, 0, 1), gaussian(1.0)) == pytest.approx(stats.norm.cdf(2**-0.5), rel=1e-3)


def test_nobody_named_says_nothing():
    assert at_least(point(0, 10, 0, 10), private(0.0, 0.0)) == 1.0
    assert at_least(point(10, 10, 10, 10), private(0.0, 0.0)) == 1.0


def laplace(rng, epsilon, n, rounded=False):
    index = np.arange(2 * n)
    score = rng.laplace(size=2 * n) / epsilon + (index < n)
    return roc(Scored(np.floor(2 * score) if rounded else score, index < n, index, index))


@pytest.mark.parametrize("rounded", [False, True])
def test_a_true_epsilon_is_refuted_in_at_most_five_percent(rounded):
    rng = np.random.default_rng(0)
    p = [epsilon_p_value(laplace(rng, 1.0, 100, rounded), 1.0, 0.0) for _ in range(300)]
    assert np.mean(np.array(p) <= 0.05) <= 0.05


def test_a_false_one_is_refuted():
    rng = np.random.default_rng(1)
    bounds = [epsilon_lower_bound(laplace(rng, 1.0, 2000), 0.0, 0.05) for _ in range(5)]
    assert 0.8 < np.median(bounds) <= 1.0


def test_bound_and_p_value_agree():
    curve = laplace(np.random.default_rng(2), 2.0, 300)
    for alpha in (0.05, 1e-4):
        bound = epsilon_lower_bound(curve, 1e-5, alpha)
        assert epsilon_p_value(curve, bound - 1e-3, 1e-5) <= alpha < epsilon_p_value(curve, bound + 1e-3, 1e-5)
        bound = mu_lower_bound(curve, alpha)
        assert mu_p_value(curve, bound - 1e-3) <= alpha < mu_p_value(curve, bound + 1e-3)


def test_the_bound_on_mu_comes_near_the_truth():
    """At 1000 trials an arm the best test there is, of two means, would give 1 - 1.645 sqrt(2 / 1000) = 0.93."""
    rng = np.random.default_rng(3)
    index = np.arange(2000)
    draws = [Scored(rng.normal(size=2000) + (index < 1000), index < 1000, index, index) for _ in range(40)]
    found = np.array([mu_lower_bound(roc(each), 0.05) for each in draws])
    assert 0.88 < np.median(found) < 0.95 and (found > 1.0).mean() <= 0.05


def test_far_tails_keep_their_size():
    index = np.arange(4000)
    p = epsilon_p_value(roc(Scored(index >= 2000, index >= 2000, index, index)), 1.0, 0.0)
    assert 0 < p < 1e-100 and ceiling(2000, 2000, 0.0, 0.05) > 5


def test_the_posterior_is_that_of_drawn_rates():
    rng, at = np.random.default_rng(4), point(60, 100, 10, 100)
    q, p = rng.beta(60.5, 40.5, 400_000), rng.beta(10.5, 90.5, 400_000)
    region = private(1.0, 0.01)
    assert credible_share(at, region) == pytest.approx((q <= region(p)).mean(), abs=1e-3)
    bound = credible_epsilon(at, 0.01, 0.05)
    assert credible_share(at, private(bound, 0.01)) == pytest.approx(0.05, abs=1e-3)
    exact = max(b for b in np.linspace(0, 3, 301) if at_least(at, private(b, 0.01)) <= 0.05)
    assert exact < bound < np.log(0.6 / 0.1)


def test_the_trade_off_is_convex_and_holds_for_every_delta_at_once():
    rng, above = np.random.default_rng(5), 0
    index = np.arange(1000)
    for _ in range(60):
        found = trade_off(roc(Scored(rng.normal(size=1000) + (index < 500), index < 500, index, index)), 0.05)
        slopes = np.diff(found.fnr) / np.diff(found.fpr)
        assert (np.diff(slopes) >= -1e-9).all() and (slopes <= 1e-9).all()
        assert (found.fpr[0], found.fnr[0], found.fpr[-1], found.fnr[-1]) == (0, 1, 1, 0)
        over = any(found.epsilon(d) > epsilon_of(1.0, d) for d in (1e-6, 1e-3, 0.05, 0.1))
        above += over or found.mu > 1.0
    assert above <= 3 and found.epsilon(0.9) == 0.0 and found.epsilon(0.0) > 0.5


def test_no_difference_is_no_trade_off():
    found = trade_off(roc(Scored(np.zeros(100), np.arange(100) < 50, np.arange(100), np.arange(100))), 0.05)
    assert found.epsilon(0.0) == 0.0 and found.mu == 0.0
