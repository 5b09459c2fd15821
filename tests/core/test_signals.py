from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from divulge.core.signals import (
    LOG_FLOOR,
    entropy,
    log_of_others,
    log_of_scores,
    log_softmax,
    logit_scaled,
    modified_entropy,
    of_class,
    own_logit,
)

LOGITS = arrays(np.float64, (5, 4), elements=st.floats(-200, 200))
Y = arrays(np.int64, (5,), elements=st.integers(0, 3))


@given(LOGITS, Y)
def test_signals_are_finite_for_any_logits(logits, y):
    log_scores = log_softmax(logits)
    for signal in (
        log_scores,
        log_of_others(log_scores, y),
        logit_scaled(log_scores, y),
        entropy(log_scores),
        modified_entropy(log_scores, y),
    ):
        assert np.isfinite(signal).all()


def test_a_confidence_that_prints_as_one_still_has_an_order():
    logits = np.array([[40.0, 0, 0], [50.0, 0, 0], [90.0, 0, 0]])
    y = np.zeros(3, dtype=int)
    log_scores = log_softmax(logits)
    assert (np.exp(of_class(log_scores, y)) == 1.0).all()
    scaled = logit_scaled(log_scores, y)
    np.testing.assert_allclose(scaled, np.array([40, 50, 90]) - np.log(2))


@given(arrays(np.float64, (6, 3), elements=st.floats(-5, 5)), arrays(np.int64, (6,), elements=st.integers(0, 2)))
def test_equal_to_the_definitions_where_nothing_saturates(logits, y):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    log_scores = log_softmax(logits)
    p_y = p[np.arange(6), y]
    np.testing.assert_allclose(logit_scaled(log_scores, y), np.log(p_y / (1 - p_y)), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(entropy(log_scores), -(p * np.log(p)).sum(axis=1))
    rest = np.ones_like(p, dtype=bool)
    rest[np.arange(6), y] = False
    by_hand = -(1 - p_y) * np.log(p_y) - (p * np.log(1 - p) * rest).sum(axis=1)
    np.testing.assert_allclose(modified_entropy(log_scores, y), by_hand, rtol=1e-6, atol=1e-9)


def test_scores_of_exactly_zero_and_one():
    log_scores = log_of_scores(np.array([[1.0, 0.0], [0.0, 1.0]]))
    np.testing.assert_allclose(logit_scaled(log_scores, np.array([0, 0])), [-LOG_FLOOR, LOG_FLOOR])


def test_a_sure_and_right_answer_has_the_least_modified_entropy():
    log_scores = log_softmax(np.array([[9.0, 0, 0], [1.0, 0, 0], [0, 9.0, 0]]))
    values = modified_entropy(log_scores, np.zeros(3, dtype=int))
    assert values[0] < values[1] < values[2]


@given(st.lists(st.floats(-700, 700), min_size=2, max_size=5), st.integers(0, 4))
def test_log_softmax_keeps_what_is_small_of_a_sure_class(logits, place):
    """Against exact arithmetic: the log of a probability near 1 is minus what is left, to a relative error."""
    from fractions import Fraction
    from math import exp, log1p

    place %= len(logits)
    top = max(logits)
    if sorted(logits)[-2] > top - 1:
        return
    left = sum(Fraction(exp(value - top)) for value in logits if value != top)
    told = log_softmax(np.array([logits]))[0]
    assert told[logits.index(top)] == pytest.approx(-log1p(float(left)), rel=1e-12, abs=1e-310)


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=6, max_size=40), st.integers(0, 2**31))
def test_equal_scores_have_equal_losses_whatever_the_other_classes_say(scores, seed):
    rng = np.random.default_rng(seed)
    own = np.array(scores)
    first = rng.uniform(0, 1 - own)
    rows = np.log(np.column_stack([own, first, 1 - own - first]))
    told = own_logit(rows, np.zeros(len(own), dtype=int))
    assert len(np.unique(told)) == len(np.unique(own))
    np.testing.assert_allclose(told, np.log(own / (1 - own)), atol=1e-11)


def test_a_confidence_that_prints_as_one_is_ordered_by_what_is_left():
    left = np.array([1e-20, 1e-30, 1e-25])
    told = own_logit(np.column_stack([np.zeros(3), np.log(left)]), np.zeros(3, dtype=int))
    assert (np.argsort(told) == [0, 2, 1]).all()
