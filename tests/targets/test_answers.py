"""What an answer is taken for before anything is made of it."""

import numpy as np
import pytest

from divulge.targets.answers import are_probabilities

SCORES = np.random.default_rng(0).dirichlet(np.ones(3), 500)


@pytest.mark.parametrize("decimals", [1, 2, 3, 8])
def test_rounded_probabilities_are_probabilities(decimals):
    assert are_probabilities(SCORES.round(decimals))


def test_what_adds_up_to_something_else_is_none():
    assert not are_probabilities(100 * SCORES)
    assert not are_probabilities(SCORES - 0.5)
    assert not are_probabilities(0.9 * SCORES)
    assert not are_probabilities(np.random.default_rng(0).integers(0, 2, (50, 3)).astype(float)[:, :2] * 2)
