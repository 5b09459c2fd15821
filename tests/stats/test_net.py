"""An attack net of a guess without the model: known answers, nothing where nothing is left, something where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from divulge.core.results.trials import Scored
from divulge.stats.auc import auc
from divulge.stats.comparison.net import net_area


def scored(score, member, unit=None):
    unit = np.arange(len(score)) if unit is None else unit
    return Scored(np.asarray(score, dtype=float), np.asarray(member, dtype=bool), unit, np.arange(len(score)))


def drawn(seed, size, shift, gain, guessers=1):
    """The attack's score is the record's, which is shifted and which the guesser sees, and what membership adds."""
    rng = np.random.default_rng(seed)
    member = np.arange(2 * size) < size
    record = rng.normal(size=2 * size) + shift * member
    attack = record + gain * member + rng.normal(size=2 * size)
    return scored(attack, member), [scored(record, member)] * guessers


def test_two_strata_by_hand():
    """Guesser 0: two members above one of two others and below the other; guesser 1: members above all."""
    member = [1, 1, 0, 0] * 10 + [1, 1, 0, 0] * 10
    guess = [0] * 40 + [1] * 40
    attack = [2, 2, 1, 3] * 10 + [5, 5, 4, 4] * 10
    row = net_area("a", scored(attack, member), [scored(guess, member)], 0.05)
    assert row.area.value == pytest.approx((0.5 + 1) / 2) and row.share == 1
    assert row.guesser.value == 0.5, "within a stratum the guesser ties"


def test_what_the_guesser_sees_is_taken_away():
    areas = [net_area("a", *drawn(seed, 400, shift=1.0, gain=0.0), 0.05) for seed in range(30)]
    raw = np.mean([auc(drawn(seed, 400, 1.0, 0.0)[0]).value for seed in range(5)])
    assert raw > 0.65
    assert np.mean([row.area.value for row in areas]) == pytest.approx(0.5, abs=0.02)
    assert sum(row.area.low > 0.5 for row in areas) <= 4  # of 30 at 2.5 %: more in 0.1 % of the cases


def test_what_membership_adds_is_left():
    true = stats.norm.cdf(1.0 / np.sqrt(2))  # at a given record the scores of both arms have variance 1
    areas = [net_area("a", *drawn(seed, 400, shift=1.0, gain=1.0), 0.05) for seed in range(30)]
    assert np.mean([row.area.value for row in areas]) == pytest.approx(true, abs=0.02)
    assert sum(row.area.low <= true <= row.area.high for row in areas) >= 25


def test_a_guess_that_still_tells_members_says_so():
    """Ten a side leave one stratum, so that nothing can be taken away."""
    attack, guesses = drawn(0, 10, shift=3.0, gain=0.0)
    row = net_area("a", attack, guesses, 0.05)
    assert row.strata == 1 and row.guesser.low > 0.5


def test_sets_without_overlap_compare_nothing():
    member = np.arange(200) < 100
    assert net_area("a", scored(member, member), [scored(member, member)], 0.05) is None


def test_persons_are_compared_where_rows_belong_together():
    attack, guesses = drawn(3, 200, 0.5, 0.5)
    once = net_area("a", attack, guesses, 0.05)
    twice = [scored(np.repeat(s.score, 3), np.repeat(s.exposed, 3), np.repeat(s.unit, 3)) for s in (attack, *guesses)]
    assert net_area("a", twice[0], twice[1:], 0.05) == once


@given(st.integers(0, 10_000), st.integers(5, 60))
def test_a_monotone_change_of_any_score_changes_nothing(seed, size):
    attack, (guess, other) = drawn(seed, size, 0.3, 0.3, guessers=2)
    changed = [scored(np.exp(s.score), s.exposed) for s in (attack, guess, other)]
    assert net_area("a", attack, [guess, other], 0.05) == net_area("a", changed[0], changed[1:], 0.05)


def test_a_run_with_a_shifted_split_says_what_is_left(tmp_path):
    """Later records have another level of one column; the model remembers its own."""
    from sklearn.tree import DecisionTreeClassifier

    import divulge
    from divulge.report.words import baseline_sentence

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 6))
    rows[300:, 0] += 1.0
    labels = rng.integers(0, 2, 600)
    model = DecisionTreeClassifier(random_state=0).fit(rows[:300], labels[:300])
    sets = ((rows[:300], labels[:300]), (rows[300:], labels[300:]))
    run = divulge.audit(model, *sets, attacks=["loss"], seed=1, out=tmp_path, progress=None)
    assert run.result.baseline.alarm is not None and run.verdict is divulge.Verdict.INVALID
    (net,) = run.result.baseline.net
    assert net.attack == "loss" and net.area.low > 0.65 and net.guesser.value < 0.6
    assert "Net of the baseline" in baseline_sentence(run.result)
