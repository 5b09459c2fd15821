"""Bounds of what is compared trial by trial: they cover, are exact where they can be, and pick up what is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from divulge.core.results.evidence import Evidence, Lacking
from divulge.core.results.exhibits import Quality
from divulge.core.results.metric import PROPERTY_TOLD
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Paired
from divulge.stats.paired import gain_low, mean_bounds, median_with_interval, seen_from, weigh_paired
from divulge.stats.weigh import weigh


def test_yes_and_no_is_clopper_and_pearson():
    values = np.repeat([1.0, 0.0], [13, 7])
    own = mean_bounds(values, 0.05)
    other = stats.binomtest(13, 20).proportion_ci(0.95)
    assert own.low == pytest.approx(other.low) and own.high == pytest.approx(other.high)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.sampled_from([0.01, 0.05, 0.3]))
def test_bounds_hold_the_mean_and_each_other(values, alpha):
    low, high = mean_bounds(np.array(values), alpha)
    assert 0 <= low <= np.mean(values) + 1e-9 and np.mean(values) - 1e-9 <= high <= 1


@pytest.mark.parametrize("name", ["beta", "shares", "rare"])
def test_bounds_cover_the_true_mean(name):
    rng = np.random.default_rng(0)
    draw = {
        "beta": (lambda: rng.beta(2, 5, 20), 2 / 7),
        "shares": (lambda: rng.binomial(32, 0.3, 20) / 32, 0.3),
        "rare": (lambda: (rng.random(20) < 0.1) * rng.random(20), 0.05),
    }[name]
    missed = 0
    for _ in range(400):
        low, high = mean_bounds(draw[0](), 0.1)
        missed += not low <= draw[1] <= high
    assert missed <= stats.binom.ppf(0.999, 400, 0.1)


def test_values_that_vary_little_are_pinned_down():
    steady = np.full(40, 0.3) + np.random.default_rng(0).normal(0, 0.02, 40)
    low, high = mean_bounds(steady, 0.05)
    assert high - low < 0.25


def test_only_the_difference_to_the_blind_guess_counts():
    both = (1.0,) * 30
    units = tuple(range(30))
    assert gain_low(Paired("records_exact", both, both, units), 0.05) <= 0
    assert gain_low(Paired("records_exact", both, (0.0,) * 30, units), 0.05) > 0.7
    known = Paired("classes_recognised", (1.0,) * 7, (1.0, *(0.0,) * 6), tuple(range(7)), known=True)
    assert gain_low(known, 0.05) == pytest.approx(0.025 ** (1 / 7) - 1 / 7)


def test_units_and_not_records_are_counted():
    """A hundred records of one update are one observation."""
    one = Paired("records_exact", (1.0,) * 100, (0.0,) * 100, (0,) * 100)
    many = Paired("records_exact", (1.0,) * 100, (0.0,) * 100, tuple(range(100)))
    assert gain_low(one, 0.05) < 0 < gain_low(many, 0.05)


def test_what_is_lacking_is_counted_in_what_was_drawn():
    """Four updates with three records each: more updates are wanted, and not more records."""
    units = tuple(np.repeat(np.arange(4), 3).tolist())
    measure = Paired("records_rebuilt", (0.0,) * 12, (0.0,) * 12, units, unit="update")
    found = weigh_paired(measure, (), Policy(), 20)
    assert found.unit == "update" and found.enough == "12 updates instead of 4"


def test_an_estimate_has_everything_a_finding_needs():
    hits = tuple(map(float, np.random.default_rng(0).random(50) < 0.8))
    measure = Paired("attribute_accuracy", hits, (0.0,) * 50, tuple(range(50)), about="sex")
    qualities = (Quality("MCC", (0.4,), (0.1,), about="sex"), Quality("MCC", (0.2,), (0.1,), about="race"))
    lacking = (Lacking("attribute_accuracy", "nothing came", "race"),)
    found, missing = weigh(Evidence((measure,), qualities, lacking=lacking), Policy())
    assert (found.metric, found.about) == ("attribute_accuracy", "sex")
    assert found.threshold == 0.01 and found.p_value < 0.01 and found.advantage_low > 0.3
    assert [(d.name, d.value) for d in found.details] == [("MCC", 0.4), ("MCC, without the model", 0.1)]
    assert missing.value is None and missing.unmeasurable == "nothing came" and missing.about == "race"


def test_medians_have_exact_intervals():
    """Of twenty values the 6th and the 15th hold the median at 95.9 %."""
    value, low, high = median_with_interval(np.arange(1.0, 21.0), 0.05)
    assert (value, low, high) == (10.5, 6, 15)
    assert median_with_interval(np.array([1.0, 2.0]), 0.05) == (1.5, None, None)


def test_an_attribute_is_weighed_by_its_own_threshold():
    """Thirty of thirty right, and lots otherwise: an advantage of a half that one policy tolerates for sex alone."""
    units = tuple(range(30))
    trials = [Paired("attribute_accuracy", (1.0,) * 30, (0.5,) * 30, units, about=name) for name in ("sex", "race")]
    lacking = (Lacking("attribute_accuracy", "nothing came", "sex"),)
    policy = Policy({"attribute_accuracy": 0.1, "attribute_accuracy:sex": 0.7})
    sex, race, missing = weigh(Evidence(tuple(trials), lacking=lacking), policy)
    assert (sex.about, sex.threshold, race.about, race.threshold) == ("sex", 0.7, "race", 0.1)
    assert sex.p_value > 0.9 and race.p_value < 0.01 and missing.threshold == 0.7
    assert (sex.value, sex.chance, sex.low) == (race.value, race.chance, race.low)


def told(units, right, tests=20):
    """A property game of two values, by lot right in half of all games."""
    hits = (1.0,) * right + (0.0,) * (units - right)
    trial = Paired(PROPERTY_TOLD, hits, (0.5,) * units, tuple(range(units)), known=True)
    return weigh_paired(trial, (), Policy(), tests)


@pytest.mark.parametrize("units", [24, 48, 200])
def test_the_smallest_effect_that_is_seen_is_that_of_the_bound_that_decides(units):
    """By exact binomial tails: an attack that is right so often is found in eight of ten audits."""
    found = told(units, units // 2)
    right = found.chance + found.detectable
    counts = np.arange(units + 1)
    significant = [told(units, k).p_value <= 0.05 / 20 for k in counts]
    power = stats.binom.pmf(counts, units, right)[significant].sum()
    assert power == pytest.approx(0.8, abs=0.005)


def test_too_few_games_say_how_many_would_do():
    """Half-way between lot and certainty is 75 % right; three quarters of the way, 87.5 %, is what must be visible."""
    few = told(30, 15)
    assert few.chance + few.detectable > 0.875 and few.enough == "38 trained models instead of 30"
    assert told(38, 19).detectable < 0.375 and told(38, 19).enough == ""
    assert told(4, 2).enough.endswith("trained models instead of 4")


def test_what_is_seen_of_units_with_a_measured_rival():
    """Nothing lost, by hand: the fewest wins k of n at which two exact bounds are apart."""
    share = seen_from(40, None, 0.1, 0.01)
    lost = stats.beta.ppf(0.995, 1, 40)
    needed = next(k for k in range(41) if stats.beta.ppf(0.005, k, 41 - k) - lost > 0.1)
    assert stats.binom.sf(needed - 1, 40, share) == pytest.approx(0.8)
    assert seen_from(3, 0.5, 0.1, 0.001) is None
