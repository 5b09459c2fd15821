"""Membership drawn anew: known answers by hand and by other programs, and the design of the split."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from divulge.core.errors import InputError
from divulge.core.results.metric import AUC, BALANCED_ACCURACY, EPSILON, FALSE_POSITIVE_RATES, tpr_at
from divulge.core.results.trials import Scored
from divulge.stats.many.rerandomized import METRICS, Ranked, Split, Tails, _blocks, _OneAttack, _weights, log_chances
from divulge.stats.privacy.epsilon import RATES
from divulge.stats.roc import at_fnr, at_fpr, roc


def one_set(member, seed=0):
    return Split(np.asarray(member, dtype=bool), np.zeros(len(member), dtype=int), seed)


def ranked(score):
    return Ranked(np.unique(score, return_inverse=True)[1], np.arange(len(score)))


def of_itself(score, member):
    return dict(zip(METRICS, np.exp(log_chances(one_set(member), [ranked(score)], 1)[0][0]), strict=True))


def test_all_twenty_splits_of_six_records_by_hand():
    """Members ranked 6, 5 and 3: of the 20 splits only {6, 5, 4} has a larger rank sum, so that p is 2 / 20."""
    splits = np.array([[place in chosen for place in range(6)] for chosen in combinations(range(6), 3)]).T
    labels = splits.astype(np.int16)
    member = np.array([0, 0, 1, 0, 1, 1], dtype=bool)
    area = _OneAttack(member, ranked(np.arange(6))).read(labels, _weights(labels))[:, METRICS.index(AUC)]
    seen = area[int(np.flatnonzero((splits == member[:, None]).all(axis=0))[0])]
    assert (area <= seen + 1e-9).mean() == pytest.approx(2 / 20)


@pytest.mark.parametrize("levels", [1000, 7])
def test_the_auc_is_mann_and_whitneys_ties_included(levels):
    rng = np.random.default_rng(1)
    member = rng.random(120) < 0.4
    score = rng.integers(0, levels, 120) + member * levels // 5
    expected = stats.mannwhitneyu(
        score[member], score[~member], alternative="greater", method="asymptotic", use_continuity=False
    )
    assert of_itself(score, member)[AUC] == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize("levels", [10**6, 40, 6])
def test_rates_and_epsilon_are_fishers_test_at_the_points_of_the_curve(levels):
    rng = np.random.default_rng(levels)
    member = rng.random(300) < 0.5
    score = rng.integers(0, levels, 300) + np.where(member, rng.integers(0, levels, 300) // 3, 0)
    n1, n0, places = int(member.sum()), int((~member).sum()), np.arange(300)
    curve = roc(Scored(score, member, places, places))

    def fisher(right, wrong, ours):
        return stats.hypergeom.sf(right - 1, n1 + n0, ours, right + wrong)

    found, least = of_itself(score, member), 1.0
    for rate in FALSE_POSITIVE_RATES:
        point = at_fpr(curve, rate)
        expected = fisher(point.tpr.successes, point.fpr.successes, n1) if rate * n0 >= 1 else 1.0
        assert found[tpr_at(rate)] == pytest.approx(expected, rel=1e-6)
    for rate in RATES:
        above, below = at_fpr(curve, rate), at_fnr(curve, rate)
        least = min(least, fisher(above.tpr.successes, above.fpr.successes, n1))
        least = min(least, fisher(n0 - below.fpr.successes, n1 - below.tpr.successes, n0))
    assert found[EPSILON] == pytest.approx(min(1.0, 2 * len(RATES) * least), rel=1e-6)


def test_balanced_accuracy_is_cross_fitted():
    rng = np.random.default_rng(3)
    member = rng.random(81) < 0.5
    score = rng.normal(size=81) + member
    arms = [np.flatnonzero(member), np.flatnonzero(~member)]
    first = np.isin(np.arange(81), np.concatenate([arm[::2] for arm in arms]))
    gaps, shares = [], []
    for chosen in (first, ~first):
        levels = np.sort(score)[::-1]
        gains = [(score[chosen & member] >= t).mean() - (score[chosen & ~member] >= t).mean() for t in levels]
        tied = np.flatnonzero(np.round(gains, 12) == np.round(np.max(gains), 12))
        best = levels[(tied[0] + tied[-1]) // 2]
        gaps.append((score[~chosen & member] >= best).mean() - (score[~chosen & ~member] >= best).mean())
        shares.append((score >= best).mean())
    named = np.mean(shares)
    spread = np.sqrt(named * (1 - named) * sum(1 / len(arm) for arm in arms))
    assert of_itself(score, member)[BALANCED_ACCURACY] == pytest.approx(stats.norm.sf(np.mean(gaps) / spread))


def test_a_single_statistic_agrees_with_scipys_permutation_test():
    rng = np.random.default_rng(5)
    member = rng.permutation(60) < 25
    score = rng.normal(size=60)
    theirs = stats.permutation_test(
        (score[member], score[~member]),
        lambda a, b, axis: stats.mannwhitneyu(a, b, axis=axis).statistic,
        n_resamples=4999, vectorized=True, alternative="greater", rng=np.random.default_rng(6),
    )  # fmt: skip
    area = log_chances(one_set(member), [ranked(score)], 4999)[0][:, METRICS.index(AUC)]
    ours = (area <= area[0] + 1e-9).mean()
    assert 0.002 < theirs.pvalue < 0.5
    assert ours == pytest.approx(theirs.pvalue, abs=4 * np.sqrt(2 * theirs.pvalue / 4999))


def test_by_chance_every_column_has_the_level_that_it_states():
    rng = np.random.default_rng(7)
    drawn = np.exp(log_chances(one_set(rng.permutation(1200) < 600), [ranked(rng.normal(size=1200))], 3999)[0][1:])
    for level in (0.01, 0.05, 0.2):
        error = 4 * np.sqrt(level / 3999)
        assert ((drawn <= level).mean(axis=0) <= level * 1.25 + error).all()
    assert ((drawn[:, [0, 2]] <= 0.05).mean(axis=0) > 0.03).all()  # and the power that belongs to it


def test_labels_are_drawn_anew_within_each_stratum_and_alike_from_one_seed():
    rng = np.random.default_rng(8)
    stratum = rng.integers(0, 4, 90)
    member = rng.random(90) < 0.3 + 0.1 * stratum
    split = Split(member, stratum, 11)
    labels = np.concatenate(list(split.drawn(50)), axis=1)
    assert labels.shape == (90, 51) and (labels[:, 0] == member).all()
    for number in range(4):
        assert np.ptp(labels[stratum == number].sum(axis=0)) == 0
    assert (labels == np.concatenate(list(split.drawn(50)), axis=1)).all()
    assert (labels != np.concatenate(list(Split(member, stratum, 12).drawn(50)), axis=1)).any()


def test_an_attack_that_was_asked_about_some_is_read_off_these_alone():
    rng = np.random.default_rng(9)
    asked = np.sort(rng.permutation(100)[:60])
    member, score = rng.random(100) < 0.5, rng.normal(size=100)
    split = Split(member, np.isin(np.arange(100), asked).astype(int), 0)
    part = log_chances(split, [Ranked(np.argsort(np.argsort(score[asked])), asked)], 1)[0][0]
    alone = of_itself(score[asked], member[asked])
    assert np.exp(part) == pytest.approx(np.array([alone[name] for name in METRICS]))
    with pytest.raises(InputError, match="members alone"):
        log_chances(split, [Ranked(np.arange(member.sum()), np.flatnonzero(member))], 1)


def test_scores_that_say_nothing_or_everything():
    member = np.arange(40) < 20
    assert all(value == pytest.approx(1.0) for value in of_itself(np.zeros(40), member).values())
    best = of_itself(member.astype(float) + np.arange(40) / 1000 * member, member)
    assert best[tpr_at(0.1)] < 1e-6 and best[AUC] < 1e-6 and best[EPSILON] < 1e-6


def test_many_thresholds_are_joined_in_the_middle_only():
    starts = _blocks(np.arange(50_000)[::-1])
    assert len(starts) == 4096 and (np.diff(starts) > 0).all()
    assert (starts[:1024] == np.arange(1024)).all() and (starts[-1024:] == np.arange(50_000 - 1024, 50_000)).all()


def test_tails_are_those_of_the_hypergeometric_distribution():
    right, wrong = np.array([0, 3, 10, 20]), np.array([0, 2, 2, 14])
    expected = stats.hypergeom.logsf(right - 1, 20 + 30, 20, right + wrong)
    assert Tails(20, 30).log(right, wrong) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_how_many_labels_are_looked_at_at_once_changes_nothing(monkeypatch):
    rng = np.random.default_rng(9)
    split, attacks = one_set(rng.permutation(300) < 150), [ranked(rng.normal(size=300))]
    whole = log_chances(split, attacks, 99)[0]
    monkeypatch.setattr("divulge.stats.many.rerandomized.SEEN", 7 * 300)
    assert (log_chances(split, attacks, 99)[0] == whole).all()


@pytest.mark.parametrize(("ours", "theirs"), [(25_000, 25_000), (30_000, 400)])
def test_tails_of_large_arms_are_those_of_the_whole_table(ours, theirs):
    """They are summed from where they begin, for a table of each would take eight bytes a record."""
    tails = Tails(ours, theirs)
    for wrong in (0, 5, theirs // 100, theirs // 10, theirs - 1):
        mean, table = (wrong + 1) * ours / (theirs + 1), tails._made(wrong)
        right = np.unique(np.clip([0, 1, int(mean), int(1.1 * mean), int(3 * mean) + 5, ours - 3, ours], 0, ours))
        found = tails.log(right, np.full(len(right), wrong))
        np.testing.assert_allclose(np.exp(found), np.exp(table[right]), atol=1e-9)
        np.testing.assert_allclose(found, table[right], rtol=1e-6, atol=1e-9)
    assert not tails._known
