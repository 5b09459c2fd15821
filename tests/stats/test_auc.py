"""The interval of an AUC: what small arms, ties, unequal arms and far tails must not do to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from divulge.core.results.trials import Scored
from divulge.stats.auc import Auc, auc, null_deviation, widest

FAR = 0.05 / 180


def evidence(inside, outside):
    score = np.concatenate([inside, outside]).astype(float)
    index = np.arange(len(score))
    return Scored(score, index < len(inside), index, index)


levels = st.integers(0, 9)


@given(
    inside=st.lists(levels, min_size=1, max_size=25),
    outside=st.lists(levels, min_size=1, max_size=60),
    which=st.integers(0, 10_000),
    better=st.integers(1, 9),
    alpha=st.sampled_from([0.3, 0.05, 0.005, FAR, 1e-9]),
)
@settings(max_examples=150, deadline=None)
def test_no_score_that_improves_lowers_a_bound(inside, outside, which, better, alpha):
    """Members higher or others lower, at any confidence: neither end of the interval falls."""
    before = auc(evidence(inside, outside)).interval(alpha)
    place = which % (len(inside) + len(outside))
    if place < len(inside):
        inside = [*inside[:place], inside[place] + better, *inside[place + 1 :]]
    else:
        place -= len(inside)
        outside = [*outside[:place], outside[place] - better, *outside[place + 1 :]]
    after = auc(evidence(inside, outside)).interval(alpha)
    assert after.low >= before.low - 1e-9 and after.high >= before.high - 1e-9


@pytest.mark.parametrize(("arms", "alpha"), [((20, 20), 0.05 / 108), ((5, 5), 0.05), ((12, 300), FAR)])
def test_a_perfect_attack_is_bounded_no_worse_than_one_with_an_error(arms, alpha):
    n1, n0 = arms
    perfect = auc(evidence(np.arange(n1) + n0, np.arange(n0))).interval(alpha)
    wrong = auc(evidence(np.r_[n0 - 1.5, np.arange(n1 - 1) + n0], np.arange(n0))).interval(alpha)
    assert wrong.low <= perfect.low <= (alpha / 2) ** (1 / min(arms))


def test_the_widest_variance_is_that_of_the_null_at_a_half_and_of_the_mixture_above():
    assert widest(0.5, 12, 40) == pytest.approx(null_deviation(12, 40) ** 2)
    rng, share = np.random.default_rng(0), 0.4
    found = [
        auc(evidence(np.where(rng.random(15) < share, 9.0, rng.random(15)), rng.random(60))).value for _ in range(1200)
    ]
    assert np.var(found) == pytest.approx(widest(0.7, 15, 60), rel=0.13)  # three standard errors


def test_no_concave_curve_varies_more():
    """Mixtures of two uniform steps are the extreme ones, of any area; their variances follow from their moments."""
    p = (np.arange(2000) + 0.5) / 2000
    for a in (0.001, 0.05, 0.3, 0.7, 1.0):
        for b in np.linspace(max(a, 0.05), 1, 6):
            for w in np.linspace(0, 1, 9):
                curve = w * np.minimum(p / a, 1) + (1 - w) * np.minimum(p / b, 1)
                area = curve.mean()
                of_exposed = w * (1 - a + a * a / 3) + (1 - w) * (1 - b + b * b / 3) - area**2
                of_control = (curve**2).mean() - area**2
                for n1, n0 in ((1e6, 1e6), (1e6, 1e8), (1e8, 1e6)):
                    assert of_exposed / n1 + of_control / n0 <= widest(float(area), n1, n0) * 1.002 + 1e-12


def test_many_trials_give_delongs_interval():
    rng = np.random.default_rng(1)
    area = auc(evidence(rng.normal(0.5, 1, 20_000), rng.normal(0, 1, 20_000)))
    half = 1.959964 * np.sqrt(area.variance)
    assert area.interval(0.05) == pytest.approx((area.value - half, area.value + half), abs=0.05 * half)


@pytest.mark.parametrize("arms", [(5, 200), (200, 5), (20, 1000), (5, 5)])
@pytest.mark.parametrize("truth", [0.5, 0.92])
def test_small_and_unequal_arms_hold_the_truth(arms, truth):
    """DeLong's interval held 82 to 91 % here, and its far end failed a hundred times too often."""
    rng, shift = np.random.default_rng(2), stats.norm.ppf(truth) * np.sqrt(2)
    areas = [auc(evidence(rng.normal(shift, 1, arms[0]), rng.normal(0, 1, arms[1]))) for _ in range(150)]
    held = [low <= truth <= high for low, high in (a.interval(0.05) for a in areas)]
    assert np.mean(held) >= 0.93
    assert not any(a.interval(FAR).low > truth for a in areas)


@pytest.mark.parametrize("right", [0.9, 0.5, 0.02])
def test_five_members_in_one_tie_are_no_leak(right):
    """A model that is simply right on so many of all records."""
    rng = np.random.default_rng(3)
    p = [auc(evidence(rng.random(5) < right, rng.random(2000) < right)).p_above(0.525) <= 0.05 / 6 for _ in range(150)]
    assert sum(p) == 0


def test_a_clear_leak_of_few_members_is_found():
    rng = np.random.default_rng(4)
    area = auc(evidence(rng.normal(3, 1, 20), rng.normal(0, 1, 1000)))
    assert area.p_above(0.525) <= FAR and area.p_below(0.5) > 0.5
    assert auc(evidence(rng.normal(-3, 1, 20), rng.normal(0, 1, 1000))).p_below(0.5) <= FAR


def test_a_p_value_is_where_the_bound_passes():
    area = Auc(0.8, 0.003, 30, 50)
    p = area.p_above(0.6)
    assert area.interval(p * 1.01).low > 0.6 > area.interval(p * 0.99).low
    assert area.p_above(0.8) == 1.0
