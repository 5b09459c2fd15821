from __future__ import annotations

import numpy as np
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
