"""Exact tests: known answers, and error rates under the null by simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from divulge.core.errors import InputError
from divulge.stats.exchange import one_run_epsilon, permutation_p_value, rank_sum_p_value, used_share_at_least


def test_permutation_agrees_with_mann_whitney():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.6, 1, 30), rng.normal(0, 1, 30)
    exact = stats.mannwhitneyu(a, b, alternative="greater").pvalue
    assert permutation_p_value(a, b, rng) == pytest.approx(exact, rel=0.35, abs=2e-3)


@pytest.mark.parametrize("kind", ["smooth", "ties", "heavy"])
def test_permutation_errs_at_most_as_often_as_it_says(kind):
    rng = np.random.default_rng(1)
    draw = {
        "smooth": lambda: rng.normal(size=40),
        "ties": lambda: rng.integers(0, 3, 40).astype(float),
        "heavy": lambda: rng.standard_cauchy(40),
    }[kind]
    rejected = sum(permutation_p_value((v := draw())[:15], v[15:], rng, draws=99) <= 0.05 for _ in range(2000))
    assert stats.binomtest(rejected, 2000, 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize(("sides", "ranks"), [(2, [0, 0, 1]), (3, [0, 1, 1]), (4, [3, 3])])
def test_rank_sums_by_enumeration(sides, ranks):
    every = [sum(r) for r in product(range(sides), repeat=len(ranks))]
    expected = np.mean([total <= sum(ranks) for total in every])
    assert rank_sum_p_value(np.array(ranks), sides) == pytest.approx(expected)


def test_canaries_that_all_come_first():
    assert rank_sum_p_value(np.zeros(40, int), 2) == pytest.approx(2.0**-40)
    assert rank_sum_p_value(np.full(10, 9), 10) == pytest.approx(1.0)
    with pytest.raises(InputError):
        rank_sum_p_value(np.array([2]), 2)


def test_the_share_of_used_records_is_a_lower_bound():
    """Three tenths of the own records score four deviations higher."""
    rng = np.random.default_rng(2)
    bounds = []
    for _ in range(300):
        own = rng.normal(size=400) + 4 * (rng.random(400) < 0.3)
        bounds.append(used_share_at_least(own, rng.normal(size=400), 0.05))
    assert np.mean(np.array(bounds) > 0.3) <= 0.05
    assert np.median(bounds) > 0.15
    assert (
        np.mean([used_share_at_least(rng.normal(size=300), rng.normal(size=300), 0.05) > 0 for _ in range(300)]) <= 0.05
    )


@pytest.mark.parametrize(("canaries", "ceiling"), [(100, 3.49), (1000, 5.81), (10_000, 8.11)])
def test_the_one_run_bound_stops_at_the_finite_sample_ceiling(canaries, ceiling):
    assert one_run_epsilon(canaries, canaries, 0.05) == pytest.approx(ceiling, abs=0.01)


def test_the_one_run_bound_errs_at_most_as_often_as_it_says():
    """Randomised response with epsilon 1 on 500 canaries; guesses about all of them."""
    rng = np.random.default_rng(3)
    right = rng.binomial(500, np.e / (1 + np.e), 2000)
    above = np.mean([one_run_epsilon(int(r), 500, 0.05) > 1.0 for r in right])
    assert above <= 0.055
    assert np.median([one_run_epsilon(int(r), 500, 0.05) for r in right[:100]]) > 0.7


def test_delta_only_lowers_the_one_run_bound():
    bounds = [one_run_epsilon(450, 500, 0.05, delta=d) for d in (0.0, 1e-6, 1e-4, 1e-2)]
    assert bounds == sorted(bounds, reverse=True) and bounds[-1] < bounds[0]
    assert one_run_epsilon(250, 500, 0.05) == 0.0
    with pytest.raises(InputError):
        one_run_epsilon(5, 4, 0.05)
