"""What an answer is taken for before anything is made of it."""

import numpy as np
import pytest

from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.targets.answers import are_probabilities
from divulge.targets.function import FunctionTarget

SCORES = np.random.default_rng(0).dirichlet(np.ones(3), 500)


@pytest.mark.parametrize("decimals", [1, 2, 3, 8])
def test_rounded_probabilities_are_probabilities(decimals):
    assert are_probabilities(SCORES.round(decimals))


def test_what_adds_up_to_something_else_is_none():
    assert not are_probabilities(100 * SCORES)
    assert not are_probabilities(SCORES - 0.5)
    assert not are_probabilities(0.9 * SCORES)
    assert not are_probabilities(np.random.default_rng(0).integers(0, 2, (50, 3)).astype(float)[:, :2] * 2)


def test_percentages_are_told_what_they_are(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2))
    (records,) = from_arrays([(x, (x[:, 0] > 0).astype(int))])
    target = FunctionTarget(lambda rows: 100 * np.column_stack([1 - (rows[:, 0] > 0), rows[:, 0] > 0]), "scores")
    np.testing.assert_array_equal(target.answer(Access.LABEL, records), records.y)
