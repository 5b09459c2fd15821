"""Records that stand in both sets: copies are refused, coincidences are told and stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divulge.core.errors import InputError, Notice
from divulge.data.arrays import from_arrays
from divulge.data.splits import Duplicates, rounded_keys, separate


def sets(x, y, cut):
    return from_arrays([(x[:cut], y[:cut]), (x[cut:], y[cut:])])


def census(seed, n=600):
    """Eight columns of four values, most of them usual: many people are alike."""
    rng = np.random.default_rng(seed)
    return rng.choice(4, (n, 8), p=[0.7, 0.1, 0.1, 0.1]).astype(float), np.arange(n) % 2


@pytest.mark.parametrize("seed", range(5))
def test_coincidences_of_categories_stay_with_a_word(seed):
    members, nonmembers = sets(*census(seed), 300)
    with pytest.warns(Notice, match=r"equal to a member, or nearly so .*in Python duplicates='drop' or 'keep'"):
        _, kept, _, overlap = separate(members, nonmembers, None, Duplicates.REFUSE)
    wanted = set(map(bytes, np.column_stack([members.x, members.y])))
    assert len(kept) == 300
    assert overlap.exact == sum(bytes(row) in wanted for row in np.column_stack([nonmembers.x, nonmembers.y])) > 10
    assert "; kept" in str(overlap)


@pytest.mark.parametrize("seed", range(3))
def test_copies_among_coincidences_are_refused(seed):
    x, y = census(seed)
    x[300:420], y[300:420] = x[:120], y[:120]
    with pytest.raises(InputError, match="stand among members and non-members alike"):
        separate(*sets(x, y, 300), None, Duplicates.REFUSE)


@pytest.mark.parametrize(("copies", "words"), [(1, "1 record stands among"), (3, "3 records stand among")])
def test_copies_of_measurements_are_refused_however_few(copies, words):
    x, y = np.random.default_rng(0).normal(size=(800, 3)), np.arange(800) % 2
    x[400 : 400 + copies], y[400 : 400 + copies] = x[:copies], y[:copies]
    with pytest.raises(InputError, match=words):
        separate(*sets(x, y, 400), None, Duplicates.REFUSE)


def test_half_of_a_set_copied_with_less_precision_is_refused():
    x, y = np.random.default_rng(0).normal(size=(400, 3)), np.arange(400) % 2
    x[200:], y[200:] = x[:200].astype(np.float32), y[:200]
    with pytest.raises(InputError, match=r"1\d\d records stand .*\(0 to the letter\)"):
        separate(*sets(x, y, 200), None, Duplicates.REFUSE)


@pytest.mark.filterwarnings("ignore::divulge.core.errors.Notice")
@pytest.mark.parametrize("seed", range(5))
def test_one_heavy_tailed_column_is_not_refused(seed):
    """The standard deviation of such a column is that of its largest values: rounded by it, small ones are equal."""
    x = np.exp(np.random.default_rng(seed).normal(size=(1600, 1)) * 4)
    y = np.arange(1600) % 2
    *_, overlap = separate(*sets(x, y, 800), None, Duplicates.REFUSE)
    by_deviation = np.column_stack([np.round(x / x.std(), 6), y])
    inside = set(map(bytes, by_deviation[:800]))
    naive = sum(bytes(row) in inside for row in by_deviation[800:])
    assert overlap.exact == 0 and overlap.rounded <= 10 and naive > 50


@settings(max_examples=40, deadline=None)
@given(st.floats(1e3, 1e200), st.integers(0, 2**31))
def test_an_outlier_changes_no_rounding(outlier, seed):
    x = np.random.default_rng(seed).normal(size=(50, 2))
    y = np.arange(50) % 2
    wild = np.vstack([x, [[outlier, outlier]] * 2])
    (plain,), (spoilt,) = from_arrays([(x, y)]), from_arrays([(wild, np.r_[y, 0, 1])])
    assert len(set(rounded_keys(plain))) == 50 and len(set(rounded_keys(spoilt))) == 52
