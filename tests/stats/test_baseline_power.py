"""What the model-blind baseline would have seen: its statement against splits with a planted shift."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from divulge.auditing.run_attack import BLIND_CONFIDENCE, baseline
from divulge.core.results.audit_result import Baseline
from divulge.core.results.trials import Scored
from divulge.data.arrays import from_arrays
from divulge.games.blind import FOLDS, blind_guesses
from divulge.games.membership import MembershipGame
from divulge.stats.auc import auc
from divulge.stats.blind import cross_fitted, detectable_blind_auc, detectable_shift
from divulge.targets.function import FunctionTarget


def split(rng, shift, arms=(200, 200), columns=6):
    x = rng.normal(size=(sum(arms), columns))
    member = np.arange(sum(arms)) < arms[0]
    x[member, 2] += shift
    return from_arrays([(x, rng.integers(0, 2, sum(arms)))])[0], member


def alarms(arms, shift, times):
    """How often the linear guesser says that a split is unfair."""
    rng, count = np.random.default_rng(sum(arms)), 0
    for seed in range(times):
        linear = next(iter(blind_guesses(*split(rng, shift, arms), seed)))
        count += cross_fitted(linear).interval(1 - BLIND_CONFIDENCE).low > 0.5
    return count


def test_the_shift_by_hand():
    """Of an AUC of a half nothing is needed; of endless records d2 = 2 z2, the AUC of two normals."""
    assert detectable_shift(50, 50, 3, 1.0, 0.5) == 0
    assert detectable_shift(10**12, 10**12, 3, 1.0, 0.8) == pytest.approx(np.sqrt(2) * stats.norm.ppf(0.8), rel=1e-4)
    d2 = detectable_shift(100, 300, 5, 0.8, 0.7) ** 2
    assert stats.norm.cdf(d2 / np.sqrt(2 * (d2 + 5 * (1 / 80 + 1 / 240)))) == pytest.approx(0.7)
    assert detectable_blind_auc(500, 500, 0.995) == pytest.approx(
        0.5 + (2.820 * 1.25**0.5 + 0.8416) * 0.018266, abs=1e-4
    )
    assert detectable_blind_auc(20, 1000, 0.995) == pytest.approx(0.5 + (3.174 * 2**0.5 + 0.8416) * 0.065222, abs=1e-4)
    assert detectable_blind_auc(10, 10, 0.995) == 1.0
    assert detectable_shift(5, 5, 2, 0.8, 1.0) == float("inf")


@pytest.mark.parametrize("arms", [(20, 400), (49, 49), (200, 200)])
def test_a_shift_of_that_size_raises_the_alarm_in_four_cases_of_five(arms):
    area = detectable_blind_auc(*arms, BLIND_CONFIDENCE)
    seen = alarms(arms, detectable_shift(*arms, 8, 1 - 1 / FOLDS, area), 40)
    assert seen >= 26, seen  # four fifths of 40 or more, less two and a half deviations
    assert arms != (200, 200) or seen < 40, seen


@pytest.mark.parametrize("arms", [(12, 1000), (1000, 12), (50, 1000)])
def test_arms_that_differ_in_size_raise_no_alarm_at_a_fair_split(arms):
    assert alarms(arms, 0.0, 20) <= 1
    assert alarms(arms, 5.0, 3) == 3


@pytest.mark.parametrize(
    ("few", "many", "times"), [(49, 100, 2.0), (50, 200, 1.25), (50, 201, 2.0), (500, 300, 1.25), (9, 9, 2.0)]
)
def test_few_or_unequal_trials_are_taken_to_vary_twice_as_much_with_few_degrees_of_freedom(few, many, times):
    member, places = np.arange(few + many) < few, np.arange(few + many)
    evidence = Scored(np.random.default_rng(0).normal(size=few + many), member, places, places)
    found = cross_fitted(evidence)
    assert found.variance == pytest.approx(times * auc(evidence).variance) and found.freedom == min(few, many) - 1


def test_the_baseline_of_a_game_says_it():
    records, member = split(np.random.default_rng(1), 0.0, (60, 60))
    model = FunctionTarget(lambda x: np.tile([0.5, 0.5], (len(x), 1)))
    found = baseline(MembershipGame(model, records, member, 0))
    assert found.detectable == detectable_blind_auc(60, 60, BLIND_CONFIDENCE)
    assert found.shift == pytest.approx(detectable_shift(60, 60, 8, 0.8, found.detectable))
    assert found.alarm is None and Baseline(missing="x").shift is None
