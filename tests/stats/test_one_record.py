"""One record: rates known by hand come out, bounds hold as often as they say, and nothing is found in nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from divulge.core.results.estimate import Rate
from divulge.stats.forecast.one_record import (
    Counts,
    counts,
    detectable,
    epsilon_at_least,
    gap,
    learned,
    weigh_record,
)


def drawn(rng, with_it, without, shift=2.0):
    """Signals that are normal, `shift` higher with the record; whether it was there."""
    signal = np.concatenate([rng.normal(shift, 1, with_it), rng.normal(0, 1, without)])
    return signal, np.arange(with_it + without) < with_it


def test_two_normal_distributions_give_the_rates_of_the_book():
    rng = np.random.default_rng(0)
    attack = learned(*drawn(rng, 2000, 2000))
    found = counts(attack, *drawn(rng, 20_000, 20_000))
    assert found.tpr.value == pytest.approx(stats.norm.cdf(1), abs=0.02)
    assert found.fpr.value == pytest.approx(stats.norm.cdf(-1), abs=0.02)
    assert found.strict_fpr.value < 0.005 < found.strict_tpr.value


def test_a_record_that_shows_in_the_spread_alone_is_named_by_the_ratio():
    """Variances 9 and 1: the ratio is 1 where x squared is log(9) * 9 / 8, so that the rates are known."""
    rng = np.random.default_rng(0)

    def spread(trainings):
        inside = np.arange(trainings) % 2 == 0
        return rng.normal(0, np.where(inside, 3.0, 1.0)), inside

    attack = learned(*spread(4000))
    found = counts(attack, *spread(40_000))
    edge = np.sqrt(np.log(9) * 9 / 8)
    assert attack.by_ratio
    assert found.tpr.value == pytest.approx(2 * stats.norm.sf(edge / 3), abs=0.02)
    assert found.fpr.value == pytest.approx(2 * stats.norm.sf(edge), abs=0.02)


def test_an_attack_that_never_errs_has_the_bounds_of_clopper_and_pearson():
    """n of n, 0 of n: the bound on either rate is (error)^(1 / n), each with a quarter of alpha below."""
    found = weigh_record(Counts(Rate(64, 64), Rate(0, 64), Rate(64, 64), Rate(0, 64)), 0.05, 0.95)
    end = (0.05 / 4) ** (1 / 64)
    assert found.low == pytest.approx(end - (1 - end))
    assert found.high == 1.0 and found.value == 1.0
    assert found.p_value == found.attainable < 1e-10
    each = (0.05 / 8) ** (1 / 64)
    assert epsilon_at_least(Counts(*[Rate(64, 64), Rate(0, 64)] * 2), 0.05) == pytest.approx(np.log(each / (1 - each)))


def test_more_records_at_once_cost_their_share_of_the_error():
    tally = Counts(Rate(60, 64), Rate(4, 64), Rate(30, 64), Rate(0, 64))
    alone, together = weigh_record(tally, 0.05, 0.95), weigh_record(tally, 0.05, 0.95, 5)
    assert together.low == pytest.approx(weigh_record(tally, 0.05, 0.99).low) and together.low < alone.low


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(1)
    truth = stats.norm.cdf(0.5) - stats.norm.cdf(-0.5)
    held = []
    for _ in range(400):
        tpr, fpr = (Rate(int(rng.binomial(40, stats.norm.cdf(z))), 40) for z in (0.5, -0.5))
        ends = gap(tpr, fpr, 0.05)
        held.append(ends.low <= truth <= ends.high)
    assert np.mean(held) >= 0.95


def test_nothing_is_found_where_the_record_makes_no_difference():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(100):
        signal, inside = drawn(rng, 48, 48, shift=0.0)
        mixed = rng.permutation(96)
        signal = signal[mixed]
        half = np.arange(96) % 2 == 0
        found.append(weigh_record(counts(learned(signal[half], inside[half]), signal[~half], inside[~half]), 0.0, 0.95))
    assert np.mean([each.p_value <= 0.05 for each in found]) <= 0.05
    assert np.mean([each.value for each in found]) == pytest.approx(0, abs=0.05)


def test_a_model_that_always_answers_alike_names_nobody():
    signal, inside = np.full(40, 1.5), np.arange(40) % 2 == 0
    found = counts(learned(signal, inside), signal, inside)
    assert found.tpr.value == found.fpr.value and found.strict_tpr.successes == 0


def test_the_power_that_is_stated_is_the_power_that_is_had():
    rng = np.random.default_rng(3)
    least = detectable(64, 64, 0.05, 0.05)
    assert least is not None and 0.3 < least < 0.6
    seen = [
        gap(
            Rate(int(rng.binomial(64, (1 + least) / 2)), 64), Rate(int(rng.binomial(64, (1 - least) / 2)), 64), 0.05
        ).low
        > 0.05
        for _ in range(500)
    ]
    assert 0.74 <= np.mean(seen) <= 0.88
    assert detectable(4, 4, 0.05, 0.05) is None
