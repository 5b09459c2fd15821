"""An interval for one more value: by hand, as often right as it says, and never narrower than a step."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from divulge.core.results.trials import Scored
from divulge.stats.forecast.prediction import coverage_of_range, next_share
from divulge.stats.forecast.screen import ruled_out


def test_an_interval_by_hand():
    """Four values whose arc sines are 0.6, 0.7, 0.8 and 0.9: mean 0.75, deviation 0.1291, t 3.182 of 3 degrees."""
    told = next_share(np.sin([0.6, 0.7, 0.8, 0.9]) ** 2, 0.95, 1000)
    half = 3.18245 * 0.129099 * np.sqrt(1.25)
    assert told == pytest.approx((np.sin(0.75) ** 2, np.sin(0.75 - half) ** 2, np.sin(0.75 + half) ** 2), abs=1e-4)


def test_the_next_falls_into_it_as_often_as_it_says():
    rng = np.random.default_rng(0)
    drawn = np.sin(rng.normal(0.9, 0.05, (600, 9))) ** 2
    told = [next_share(row[:8], 0.9, 1000) for row in drawn]
    inside = np.mean([t.low <= row[8] <= t.high for t, row in zip(told, drawn, strict=True)])
    assert inside == pytest.approx(0.9, abs=0.03)
    mean = [stats.t.interval(0.9, 7, row[:8].mean(), stats.sem(row[:8])) for row in drawn]
    assert np.mean([low <= row[8] <= high for (low, high), row in zip(mean, drawn, strict=True)]) < 0.6, (
        "an interval for the mean is none for the next"
    )


def test_where_all_agree_the_next_may_differ_by_a_step():
    assert next_share(np.ones(6), 0.95, 50)[1:] == (0.98, 1.0)
    assert next_share(np.full(6, 0.5), 0.95, 50)[1:] == pytest.approx((0.48, 0.52))


def test_three_values_are_too_few():
    with pytest.raises(ValueError, match="at least 4"):
        next_share(np.array([0.5, 0.6, 0.7]), 0.95, 100)


def test_the_range_of_n_holds_one_more_with_n_less_1_of_n_and_1():
    rng = np.random.default_rng(1)
    drawn = rng.exponential(size=(20_000, 9))
    held = (drawn[:, 8] >= drawn[:, :8].min(axis=1)) & (drawn[:, 8] <= drawn[:, :8].max(axis=1))
    assert held.mean() == pytest.approx(coverage_of_range(8), abs=0.01)


def of(members, others, unit=None):
    score = np.concatenate([members, others]).astype(float)
    trial = np.arange(len(score))
    return Scored(score, trial < len(members), trial if unit is None else unit, trial)


def test_the_screen_by_hand():
    """Ten members score 1 to 10; a threshold below the lowest misses one in eleven on average: under 1 is ruled out."""
    told = ruled_out(of(np.arange(1, 11), [0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 9.0, 12.0]), 0.1)
    assert (told.successes, told.trials) == (2, 8)


def test_members_that_score_as_others_do_are_foretold_at_chance():
    rng = np.random.default_rng(0)
    assert ruled_out(of(rng.normal(size=5000), rng.normal(size=5000)), 0.1).value == pytest.approx(0.1, abs=0.015)


def test_a_tail_that_has_left_the_members_is_seen():
    """A tenth of all records is hard; members have learned theirs by heart."""
    rng = np.random.default_rng(0)
    hard = np.arange(2000) % 10 == 0
    told = ruled_out(of(rng.normal(5, 1, 2000), np.where(hard, -5.0, rng.normal(5, 1, 2000))), 0.01)
    assert told.value == pytest.approx(0.1 + 0.9 * 0.01, abs=0.01)


def test_few_members_foretell_nothing():
    assert ruled_out(of(np.arange(50), np.arange(50)), 0.01) is None


def test_a_screen_counts_persons():
    unit = np.repeat(np.arange(40), 2)
    told = ruled_out(of(np.arange(40) // 2 + 10, np.arange(40) // 2, unit), 0.1)
    assert told.trials == 20 and told.successes == 11
