"""Known answers of the attacks that compare with strangers, with reference models, or with the boundary."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.errors import AccessDenied, Impossible
from divulge.core.records import Column, Kind, Records, Schema
from divulge.core.threat import PRESETS
from divulge.core.views.membership import Auxiliary, MembershipView
from divulge.data.arrays import from_arrays
from divulge.targets.function import FunctionTarget
from tests.attacks.toys import records_of, toy


def played(made, function, candidates, population=None, returns="logits", threat="published-model"):
    """What an attack says of candidates, with strangers at hand."""
    oracle = GrantedOracle(FunctionTarget(function, returns), PRESETS[threat], made.card.needs.access)
    view = MembershipView(oracle, candidates, np.random.default_rng(0), made.card.needs, Auxiliary(population))
    return made.run(view).scores, oracle


def two(signal):
    return np.column_stack([signal, np.zeros(len(signal))])


def test_attack_p_is_the_share_of_strangers_with_a_larger_loss():
    population = records_of(40, np.zeros(40, int))
    candidates = Records(np.array([[-1.0], [100.0], [19.5]]), np.zeros(3, int), population.schema)
    scores, oracle = played(attack("attack_p"), lambda x: two(x[:, 0]), candidates, population)
    np.testing.assert_allclose(scores, [0.0, 1.0, 0.5])
    assert oracle.queries == 43


def test_attack_p_compares_within_the_class():
    y = np.arange(60) % 2
    population = Records(
        np.where(y == 0, 0.0, 10.0)[:, None] + np.arange(60)[:, None] / 60, y, records_of(2, [0, 1]).schema
    )
    candidates = Records(np.array([[0.9], [10.5]]), np.array([0, 1]), population.schema)

    def model(x):
        signal = x[:, 0]
        return np.column_stack([np.where(signal < 5, signal, 0), np.where(signal < 5, 0, signal)])

    scores, _ = played(attack("attack_p"), model, candidates, population)
    np.testing.assert_allclose(scores, [0.9, 0.5], atol=0.04)


def test_attack_r_counts_the_strangers_that_fit_worse():
    """Target signal 2; models that did not see the record have signals 1, 3 and 0; one that saw it is left out."""
    signals = [1.0, 3.0, 0.0, -9.0]
    keep = np.array([[False], [False], [False], [True]])
    guess = toy(np.array([[2.0, 0.0]]), [np.array([[s, 0.0]]) for s in signals], keep).guess("attack_r", shadows=4)
    np.testing.assert_allclose(guess.scores, [2 / 3])
    np.testing.assert_allclose(guess.tie_break, [2.0 - 4 / 3])


def test_difficulty_calibration_by_hand():
    """log 0.8 - (log 0.2 + log 0.4) / 2."""
    shadows = [np.log([[0.2, 0.8]]), np.log([[0.4, 0.6]]), np.log([[0.9, 0.1]])]
    keep = np.array([[False], [False], [True]])
    guess = toy(np.log([[0.8, 0.2]]), shadows, keep).guess("difficulty_calibration", shadows=3)
    np.testing.assert_allclose(guess.scores, [np.log(0.8) - (np.log(0.2) + np.log(0.4)) / 2])


def test_quantile_regression_knows_which_records_are_hard():
    """The signal of strangers is 5 x with deviation 1: a record at 5 x + 3 stands out, whatever x is."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 4000)
    noise = rng.normal(size=4000)
    schema = Schema((Column("x"), Column("hidden")), classes=(0, 1))
    population = Records(np.column_stack([x, np.arange(4000)]), np.zeros(4000, int), schema)
    asked = np.column_stack([[-0.9, 0.0, 0.9, 0.9], [4000, 4001, 4002, 4003]])
    offsets = np.array([3.0, 3.0, 3.0, 0.0])

    def model(rows):
        number = rows[:, 1].astype(int)
        extra = np.where(number < 4000, noise[np.minimum(number, 3999)], offsets[np.maximum(number - 4000, 0)])
        return two(5 * rows[:, 0] + extra)

    scores, _ = played(attack("quantile_regression"), model, Records(asked, np.zeros(4, int), schema), population)
    mean_absolute = np.sqrt(2 / np.pi)
    np.testing.assert_allclose(scores[:3], 3 / mean_absolute, rtol=0.35)
    assert abs(scores[3]) < 0.8


def test_quantile_regression_and_attack_p_need_strangers():
    candidates = records_of(4, [0, 1, 0, 1])
    with pytest.raises(AccessDenied, match="no population records"):
        played(attack("attack_p"), lambda x: two(x[:, 0]), candidates)
    with pytest.raises(Impossible, match="at least 50 population records"):
        played(attack("quantile_regression"), lambda x: two(x[:, 0]), candidates, records_of(10, [0, 1] * 5))


def test_shokri_learns_class_by_class():
    """Members of class 0 are surer, members of class 1 less sure: one model for both classes would see nothing."""
    rng = np.random.default_rng(0)
    n = 400
    y = np.arange(n) % 2
    member = rng.random(n) < 0.5
    level = 3 + np.where(y == 0, 1.0, -1.0) * np.where(member, 1.5, -1.5)
    logits = np.zeros((n, 2))
    logits[np.arange(n), y] = level + rng.normal(size=n) * 0.2
    scores = toy(logits, [logits, logits], [member, member], y).guess("shokri", shadows=2).scores
    for label in (0, 1):
        assert scores[member & (y == label)].min() > scores[~member & (y == label)].max()


def test_robustness_to_noise_of_a_linear_model_is_a_normal_probability():
    """w x > 0 with x disturbed by N(0, s^2): right with probability Phi(margin / s)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    x /= x.std(axis=0)
    w = np.array([1.0, -2.0, 0.5])
    (candidates,) = from_arrays([(x, (x @ w > 0).astype(int))])
    made = attack("label_only_noise", copies=60)
    scores, oracle = played(made, lambda v: (v @ w > 0).astype(int), candidates, returns="labels", threat="label-only")
    margin = np.abs(x @ w) / np.linalg.norm(w)
    from divulge.attacks.membership.labels.label_only_noise import LEVELS

    expected = (1 + 60 * sum(stats.norm.cdf(margin / level) for level in LEVELS)) / (1 + 60 * len(LEVELS))
    np.testing.assert_allclose(scores, expected, atol=0.1)
    assert np.abs(scores - expected).mean() < 0.02
    assert oracle.queries == 400 * 301


def test_categories_are_drawn_anew_and_never_invented():
    from divulge.attacks.membership.labels.label_only_noise import disturbed

    schema = Schema((Column("age"), Column("town", Kind.CATEGORICAL, ("a", "b", "c"))), classes=(0, 1))
    rng = np.random.default_rng(0)
    records = Records(np.column_stack([rng.normal(size=300), rng.integers(0, 3, 300)]), np.zeros(300, int), schema)
    moved = disturbed(records, 0.4, rng)
    assert set(moved.x[:, 1]) <= {0.0, 1.0, 2.0}
    assert 0.1 < (moved.x[:, 1] != records.x[:, 1]).mean() < 0.4


@pytest.mark.parametrize("features", [2, 10, 30])
def test_the_distance_to_the_boundary_of_a_linear_model_is_its_margin(features):
    rng = np.random.default_rng(features)
    x = rng.normal(size=(60, features))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    w = rng.normal(size=features)
    w /= np.linalg.norm(w)
    labels = (x @ w > 0.1).astype(int)
    (candidates,) = from_arrays([(x, labels)])
    made = attack("boundary_distance", steps=30, directions=200)
    model = lambda v: (v @ w > 0.1).astype(int)  # noqa: E731
    scores, _ = played(made, model, candidates, returns="labels")
    margin = np.abs(x @ w - 0.1)
    np.testing.assert_allclose(scores, margin, rtol=0.02, atol=2e-3)


def test_a_record_that_is_labeled_wrongly_has_no_distance_and_queries_are_as_the_card_says():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 4))
    labels = (x[:, 0] > 0).astype(int)
    labels[0] = 1 - labels[0]
    (candidates,) = from_arrays([(x, labels)])
    made = attack("boundary_distance")
    scores, oracle = played(made, lambda v: (v[:, 0] > 0).astype(int), candidates, returns="labels")
    assert scores[0] == 0 and (scores[1:] > 0).all()
    assert 0.5 < oracle.queries / 50 / made.card.queries_per_record < 1.2
