"""LiRA, RMIA, BaVarIA and the learned ratio: closed forms, toys by hand, and no tell of how a pool was made."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import divulge
from divulge.attacks.membership.shadows.learned_ratio import pool_of
from divulge.attacks.membership.shadows.shadow_statistics import log_mean_exp, marginal, sums
from divulge.auditing.challenges.membership import MEMBERSHIP
from divulge.core.results.trials import Scored
from divulge.stats.roc import at_fpr, roc
from tests.attacks.toys import toy

N = 20_000


def gaussian_pool(models, gap=1.0, records=N, seed=0, paired=True):
    """Signals N(offset + gap, 1) for members, N(offset, 1) for others; row 0 is the target."""
    rng = np.random.default_rng(seed)
    keep = rng.random((models + 1, records)) < 0.5
    if paired:
        keep[2::2] = ~keep[1::2]
    offset = rng.normal(0, 3, records)
    return rng.normal(size=keep.shape) + offset + gap * keep, keep


def audited(signal, keep, name, tmp_path, **settings):
    """The evidence of one attack on a score table."""
    from divulge.auditing.run_attack import Session, play_arm
    from divulge.catalog.attacks import attack
    from divulge.core.game import Arm
    from divulge.games.membership import MembershipGame
    from divulge.setup.from_table import job_from_table
    from divulge.setup.settings import Options

    table = divulge.ScoreTable(None, signal, keep, np.zeros(signal.shape[1], dtype=int))
    made = attack(name, shadows=len(keep) - 1, **settings)
    job = job_from_table(table, Options(attacks=[made], name="t"))
    laid = Session(job, MembershipGame(job.target, job.candidates, job.member, 0), 1, MEMBERSHIP)
    return play_arm(laid, made, Arm.TARGET)[0].scored


def tpr(evidence: Scored, fpr: float) -> float:
    return at_fpr(roc(evidence), fpr).tpr.value


@pytest.mark.parametrize("variance", ["global", "record"])
def test_lira_reproduces_the_closed_form_roc_of_gaussian_scores(tmp_path, variance):
    """The optimal test of N(1, 1) against N(0, 1): TPR = Phi(Phi^-1(FPR) + 1), reached with many shadow models."""
    evidence = audited(*gaussian_pool(256), "lira", tmp_path, variance=variance)
    for fpr in (0.1, 0.01):
        expected = stats.norm.cdf(stats.norm.ppf(fpr) + 1)
        slack = 4 * np.sqrt(expected * (1 - expected) / (N / 2)) + 0.02 * expected
        assert tpr(evidence, fpr) == pytest.approx(expected, abs=slack + (0.01 if variance == "record" else 0))


def test_lira_offline_is_the_one_sided_test(tmp_path):
    evidence = audited(*gaussian_pool(256), "lira_offline", tmp_path, variance="global")
    assert tpr(evidence, 0.01) == pytest.approx(stats.norm.cdf(stats.norm.ppf(0.01) + 1), rel=0.25)


def test_bavaria_is_lira_where_there_are_many_models_and_better_where_there_are_few(tmp_path):
    many = gaussian_pool(256)
    assert tpr(audited(*many, "bavaria", tmp_path), 0.01) == pytest.approx(
        tpr(audited(*many, "lira", tmp_path, variance="record"), 0.01), rel=0.1
    )
    few = gaussian_pool(8)
    assert tpr(audited(*few, "bavaria", tmp_path), 0.01) > 1.2 * tpr(
        audited(*few, "lira", tmp_path, variance="record"), 0.01
    )


def test_lira_by_hand_on_one_record():
    """IN signals 2 and 4, OUT signals 0 and 0 and 3 and 1; one variance for all records."""
    logits = np.array([[[2.0], [0.0]], [[4.0], [0.0]], [[0.0], [3.0]], [[0.0], [1.0]]])
    shadows = [np.column_stack([row[:, 0], np.zeros(2)]) for row in logits]
    keep = np.array([[True, False], [True, False], [False, True], [False, True]])
    made = toy(np.array([[3.0, 0.0], [0.0, 0.0]]), shadows, keep)
    scores = made.guess("lira", shadows=4).scores
    inside = (1 + 1 + 1 + 1) / 2  # squared deviations over n - 1 of each record
    outside = 1e-12
    expected = stats.norm.logpdf(3.0, 3.0, np.sqrt(inside)) - stats.norm.logpdf(3.0, 0.0, np.sqrt(outside))
    assert scores[0] == pytest.approx(expected)


def test_rmia_on_two_records_by_hand():
    """p(x1|target) = 0.8, p(x2|target) = 0.5; marginals 0.4 and 0.5: ratios 2 and 1, so x1 dominates x2 only."""
    target = np.log([[0.8, 0.2], [0.5, 0.5]])
    shadows = [np.log([[0.6, 0.4], [0.5, 0.5]]), np.log([[0.2, 0.8], [0.5, 0.5]])]
    keep = np.array([[True, False], [False, True]])
    guess = toy(target, shadows, keep).guess("rmia", shadows=2)
    np.testing.assert_allclose(guess.tie_break, np.log([2.0, 1.0]))
    np.testing.assert_allclose(guess.scores, [0.5, 0.0])
    far = toy(target, shadows, keep).guess("rmia", shadows=2, gamma=2.5)
    np.testing.assert_allclose(far.scores, [0.0, 0.0])


def test_rmia_offline_by_hand():
    """p_out = 0.2 for record 1: p = ((1 + 0.3) 0.2 + 0.7) / 2 = 0.48."""
    target = np.log([[0.8, 0.2], [0.5, 0.5]])
    shadows = [np.log([[0.6, 0.4], [0.5, 0.5]]), np.log([[0.2, 0.8], [0.5, 0.5]])]
    guess = toy(target, shadows, np.array([[True, False], [False, True]])).guess("rmia_offline", shadows=2)
    np.testing.assert_allclose(guess.tie_break, np.log([0.8 / 0.48, 0.5 / ((1.3 * 0.5 + 0.7) / 2)]))


@pytest.mark.parametrize("name", ["lira", "lira_offline", "rmia", "rmia_offline", "bavaria", "learned_ratio"])
@pytest.mark.parametrize("models", [2, 4, 16])
@pytest.mark.parametrize("kind", ["smooth", "coarse", "saturated"])
def test_chance_where_members_are_treated_like_others(name, models, kind, tmp_path):
    """No attack may read off the pool's design, or off rounding, what the signals do not say."""
    signal, keep = gaussian_pool(models, gap=0.0, records=4000, seed=models)
    if kind == "coarse":
        signal = np.round(signal)
    if kind == "saturated":
        signal = np.where(np.abs(signal) > 2, 200 * np.sign(signal), np.round(signal))
    from divulge.stats.auc import auc

    low, high = auc(audited(signal, keep, name, tmp_path)).interval(0.001)
    assert low <= 0.5 <= high


@pytest.mark.parametrize("models", [4, 8])
def test_records_that_every_model_saw_or_none_did_are_no_error(models, tmp_path):
    """In a design that is not paired there are such records; nothing can be compared, and nothing is divided by 0."""
    evidence = audited(*gaussian_pool(models, records=2000, paired=False), "learned_ratio", tmp_path)
    assert np.isfinite(evidence.score).all() and tpr(evidence, 0.1) > 0.1


def test_chance_under_a_design_that_is_not_paired(tmp_path):
    from divulge.stats.auc import auc

    signal, keep = gaussian_pool(16, gap=0.0, records=4000, paired=False)
    low, high = auc(audited(np.round(signal), keep, "learned_ratio", tmp_path)).interval(0.001)
    assert low <= 0.5 <= high


def test_the_learned_ratio_finds_what_the_others_do_not_look_for(tmp_path):
    """Members differ in spread, not in mean, and not alike: LiRA with one variance for all is blind to most of it."""
    rng = np.random.default_rng(3)
    keep = rng.random((17, 6000)) < 0.5
    keep[2::2] = ~keep[1::2]
    signal = rng.normal(size=keep.shape) * np.where(keep, 0.3, 1.0)
    learned = tpr(audited(signal, keep, "learned_ratio", tmp_path), 0.1)
    assert learned > 1.2 * tpr(audited(signal, keep, "rmia", tmp_path), 0.1)


def test_sums_without_one_model_are_sums_over_the_rest():
    rng = np.random.default_rng(0)
    signal, of = rng.normal(size=(6, 5)), np.ones((6, 5), dtype=bool)
    of[5] = False
    less = sums(signal, of).without(signal[2])
    rest = np.delete(signal[:5], 2, axis=0)
    np.testing.assert_allclose(less.mean, rest.mean(axis=0))
    np.testing.assert_allclose(less.deviations, rest.var(axis=0) * 4)
    mean = marginal(signal, of).without(signal[2])
    np.testing.assert_allclose(mean, np.log(np.exp(rest).mean(axis=0)))
    np.testing.assert_allclose(log_mean_exp(rest, np.ones(rest.shape, dtype=bool)), mean)


def test_left_out_models_are_one_of_each_kind():
    rng = np.random.default_rng(0)
    for paired in (True, False):
        signal, keep = gaussian_pool(8, records=50, paired=paired)
        pool = pool_of(signal[1:], signal[1:], keep[1:])
        for model in range(8):
            left_in, left_out, usable = pool.leave_out(model, rng)
            columns = np.flatnonzero(usable)
            assert keep[1:][left_in[columns], columns].all() and not keep[1:][left_out[columns], columns].any()
            assert ((left_in[columns] == model) | (left_out[columns] == model)).all()
