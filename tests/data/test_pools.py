"""Records that are one thing each: their numbers say nothing about where they came from."""

from __future__ import annotations

import numpy as np
import pytest

from divulge.data.arrays import from_arrays

MADE = {
    "texts": lambda places: [f"record {place * 7919 % 1009}" for place in places],
    "tokens of unequal length": lambda places: [[*range(place % 5 + 1), place] for place in places],
    "inputs by name": lambda places: {"input_ids": places[:, None] * [1, 2, 3], "mask": np.ones((len(places), 3), int)},
}


def numbers(make, first, second):
    y = np.arange(60) % 2
    inside, outside = from_arrays([(make(first), y), (make(second), y)])
    return inside.x[:, 0], outside.x[:, 0]


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_the_number_of_a_record_does_not_tell_which_set_it_came_with(make):
    """An attack sees numbers; they are the same whichever set was given first, and no better than lots at telling."""
    a, b = np.arange(60), np.arange(60, 120)
    inside, outside = numbers(make, a, b)
    again_outside, again_inside = numbers(make, b, a)
    np.testing.assert_array_equal(inside, again_inside)
    np.testing.assert_array_equal(outside, again_outside)
    area = (inside[:, None] > outside[None, :]).mean()
    assert abs(area - 0.5) < 4 * np.sqrt(121 / (12 * 60 * 60)), "four standard deviations of lots"
