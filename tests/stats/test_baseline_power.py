"""What the model-blind baseline would have seen: its statement against splits with a planted shift."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from divulge.auditing.run_attack import BLIND_CONFIDENCE, baseline
from divulge.core.results.audit_result import Baseline
from divulge.data.arrays import from_arrays
from divulge.games.blind import FOLDS, blind_guesses
from divulge.games.membership import MembershipGame
from divulge.stats.auc import auc
from divulge.stats.power import detectable_blind_auc, detectable_shift
from divulge.targets.function import FunctionTarget


def split(rng, shift, n=200, columns=6):
    x = rng.normal(size=(2 * n, columns))
    member = np.arange(2 * n) < n
    x[member, 2] += shift
    return from_arrays([(x, rng.integers(0, 2, 2 * n))])[0], member


def test_the_shift_by_hand():
    """Of an AUC of a half nothing is needed; of endless records d2 = 2 z2, the AUC of two normals."""
    assert detectable_shift(50, 50, 3, 1.0, 0.5) == 0
    assert detectable_shift(10**12, 10**12, 3, 1.0, 0.8) == pytest.approx(np.sqrt(2) * stats.norm.ppf(0.8), rel=1e-4)
    d2 = detectable_shift(100, 300, 5, 0.8, 0.7) ** 2
    assert stats.norm.cdf(d2 / np.sqrt(2 * (d2 + 5 * (1 / 80 + 1 / 240)))) == pytest.approx(0.7)
    assert detectable_blind_auc(500, 500, 0.995) == pytest.approx(0.5 + (2.807 + 0.8416) * 0.018266, abs=1e-4)
    assert detectable_shift(5, 5, 2, 0.8, 1.0) == float("inf")


def test_a_shift_of_that_size_raises_the_alarm_in_four_cases_of_five():
    rng, seen = np.random.default_rng(0), 0
    area = detectable_blind_auc(200, 200, BLIND_CONFIDENCE)
    shift = detectable_shift(200, 200, 8, 1 - 1 / FOLDS, area)
    for seed in range(60):
        linear = next(iter(blind_guesses(*split(rng, shift), seed)))
        seen += auc(linear).interval(1 - BLIND_CONFIDENCE).low > 0.5
    assert 40 <= seen <= 56, seen  # four fifths of 60, give or take two and a half deviations


def test_the_baseline_of_a_game_says_it():
    records, member = split(np.random.default_rng(1), 0.0, 60)
    model = FunctionTarget(lambda x: np.tile([0.5, 0.5], (len(x), 1)))
    found = baseline(MembershipGame(model, records, member, 0))
    assert found.detectable == detectable_blind_auc(60, 60, BLIND_CONFIDENCE)
    assert found.shift == pytest.approx(detectable_shift(60, 60, 8, 0.8, found.detectable))
    assert found.alarm is None and Baseline(missing="x").shift is None
