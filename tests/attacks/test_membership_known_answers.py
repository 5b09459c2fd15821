"""Cases in which the score is derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from divulge.attacks.membership.scores.class_thresholds import best_threshold
from divulge.core.results.trials import Scored
from divulge.core.threat import Task
from divulge.stats.auc import auc
from tests.attacks.toys import toy


def log(*rows):
    return np.log(np.array(rows))


def test_loss_is_the_likelihood_of_the_true_class_and_its_logit_where_that_is_equal():
    guess = toy(log([0.9, 0.1], [0.2, 0.8]), y=np.array([0, 0])).guess("loss")
    np.testing.assert_allclose(guess.scores, np.log([0.9, 0.2]))
    np.testing.assert_allclose(guess.tie_break, np.log([9, 0.25]))


def test_correctness_is_the_generalization_gap():
    """Song and Mittal, eq. 2: the advantage is training accuracy minus test accuracy, exactly."""
    member = np.array([True] * 10 + [False] * 10)
    right = np.array([True] * 9 + [False] + [True] * 6 + [False] * 4)
    labels = np.where(right, 0, 1)
    scores = toy(labels, returns="labels").guess("correctness").scores
    assert scores[member].mean() - scores[~member].mean() == pytest.approx(0.9 - 0.6)


def test_gap_is_the_probability_of_being_called_a_member():
    """Yeom et al., theorem 2: the advantage is the gap of the loss 1 - p, here 0.9 - 0.6 with no coin in it."""
    confidence = np.where(np.arange(20) < 10, 0.9, 0.6)
    guess = toy(np.log(np.c_[confidence, 1 - confidence])).guess("gap")
    inside, outside = guess.scores.reshape(2, -1).mean(axis=1)
    assert inside - outside == pytest.approx(0.3)


def test_gap_leaves_ties_and_says_the_same_each_time():
    """A model that is always sure: right records are all alike, and so are wrong ones.  By hand: 9 of 10 members right,
    6 of 10 others; AUC with ties counting half is 1/2 + (0.9 - 0.6)/2.
    """
    member = np.arange(20) < 10
    right = np.array([True] * 9 + [False] + [True] * 6 + [False] * 4)
    given = log(*np.where(right[:, None], [1 - 1e-9, 1e-9], [1e-9, 1 - 1e-9]))
    first, second = (toy(given).guess("gap", seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(first.scores, second.scores)
    assert first.tie_break is None and len(np.unique(first.scores)) == 2
    trials = np.arange(20)
    assert auc(Scored(first.scores, member, trials, trials)).value == pytest.approx(0.65)


def test_thresholds_are_learned_class_by_class():
    """The shadow's members score above 2 in class 0 and above -3 in class 1: so do the target's."""
    n = 80
    y = np.arange(n) % 2
    member = np.arange(n) % 4 < 2
    level = np.where(y == 0, 2.0, -3.0) + np.where(member, 1.0, -1.0)
    logits = np.zeros((n, 2))
    logits[np.arange(n), y] = level
    scores = toy(logits, [logits], [member], y).guess("confidence").scores
    assert (scores[member] >= 0).all() and (scores[~member] < 0).all()
    assert np.unique(scores.round(9)).tolist() == [-2, 0]


def test_a_class_too_small_takes_the_threshold_of_all():
    y = np.r_[np.zeros(60, int), np.ones(4, int)]
    member = np.arange(64) % 2 == 0
    logits = np.zeros((64, 2))
    logits[np.arange(64), y] = np.where(member, 1.0, -1.0)
    scores = toy(logits, [logits], [member], y).guess("confidence").scores
    np.testing.assert_allclose(scores[60:], [0, -2, 0, -2])


def test_best_threshold_by_hand():
    signal = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    member = np.array([True, True, False, True, False])
    assert best_threshold(signal, member) == 4.0
    assert best_threshold(np.ones(4), np.array([True, True, False, False])) == 1.0


def test_entropy_and_modified_entropy_disagree_about_a_sure_wrong_answer():
    n = 40
    y = np.zeros(n, dtype=int)
    member = np.arange(n) % 2 == 0
    sure_right, unsure, sure_wrong = [5.0, 0, 0], [1.0, 0, 0], [0, 5.0, 0]
    shadow = np.array([sure_right if m else unsure for m in member])
    target = np.array([sure_right, sure_wrong] * 20)
    entropy = toy(target, [shadow], [member], y).guess("entropy").scores
    modified = toy(target, [shadow], [member], y).guess("modified_entropy").scores
    np.testing.assert_allclose(entropy[0], entropy[1])
    assert modified[0] >= 0 > modified[1]


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("maximum", np.log([9.0, 0.6 / 0.4])),
        ("deviation", [0.4, 0.1]),
        ("entropy", [0.9 * np.log(0.9) + 0.1 * np.log(0.1), 0.6 * np.log(0.6) + 0.4 * np.log(0.4)]),
    ],
)
def test_ml_leaks_without_shadow_models(statistic, expected):
    guess = toy(log([0.9, 0.1], [0.4, 0.6])).guess("ml_leaks_unsupervised", statistic=statistic)
    np.testing.assert_allclose(guess.scores, expected)


def test_ml_leaks_with_one_shadow_model_learns_any_separable_pattern():
    rng = np.random.default_rng(0)
    n = 400
    member = np.arange(n) % 2 == 0
    logits = rng.normal(size=(n, 4))
    logits[:, 0] += np.where(member, 8.0, 2.0)
    scores = toy(logits, [logits + rng.normal(size=(n, 4)) * 0.1], [member]).guess("ml_leaks_shadow").scores
    assert scores[member].min() > np.quantile(scores[~member], 0.9)


def test_absolute_error():
    guess = toy(np.array([1.0, 5.0]), y=np.array([1.5, 2.0]), returns="values", task=Task.REGRESSION).guess(
        "absolute_error"
    )
    np.testing.assert_allclose(guess.scores, [-0.5, -3.0])


def test_calibrated_error_subtracts_what_strangers_err():
    """Shadow errors are 1 and 3 on record 0; the second saw it, so strangers err by 1; the target errs by 0.5."""
    y = np.array([0.0, 0.0])
    shadows = [np.array([1.0, 2.0])] * 4 + [np.array([3.0, 4.0])] * 4
    keep = np.array([[False, False]] * 4 + [[True, False]] * 4)
    made = toy(np.array([0.5, 0.5]), shadows, keep, y, returns="values", task=Task.REGRESSION)
    np.testing.assert_allclose(made.guess("calibrated_error").scores, [1.0 - 0.5, 3.0 - 0.5])
