"""Several rows of one person become one, and persons are drawn whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from divulge.core.errors import InputError, TargetError
from divulge.core.persons import checked_aggregate, condensed, half_of_persons, numbered, whole
from divulge.core.results.trials import Scored

GROUPS = st.lists(st.integers(-3, 6), min_size=1, max_size=40).map(np.array)


@given(groups=GROUPS, seed=st.integers(0, 99))
def test_rows_become_persons_as_a_table_would_group_them(groups, seed):
    values = np.random.default_rng(seed).normal(size=len(groups))
    first, place, rows = numbered(groups)
    table = pd.Series(values).groupby(groups, sort=False)
    assert (groups[first] == list(table.groups)).all() or (groups[first] == pd.unique(groups)).all()
    assert (groups[first][place] == groups).all()
    assert (rows == table.size().to_numpy()).all()
    for how in ("mean", "max", "sum"):
        np.testing.assert_allclose(condensed(values, place, how), table.agg(how).to_numpy(), rtol=1e-12, atol=1e-12)


@given(value=st.floats(-1e6, 1e6), rows=st.lists(st.integers(1, 30), min_size=2, max_size=6))
def test_persons_whose_rows_are_all_alike_tie_whatever_the_number_of_rows(value, rows):
    place = np.repeat(np.arange(len(rows)), rows)
    assert (condensed(np.full(len(place), value), place) == value).all()


@given(groups=GROUPS, size=st.integers(1, 50), seed=st.integers(0, 99))
def test_persons_are_drawn_whole(groups, size, seed):
    rng = np.random.default_rng(seed)
    drawn = whole(groups, size, rng)
    assert not set(groups[drawn]) & set(np.delete(groups, drawn))
    assert min(size, len(groups)) <= len(drawn)
    if len(np.unique(groups[drawn])) > 1:  # without the largest person there were too few
        assert len(drawn) - np.unique(groups[drawn], return_counts=True)[1].max() < size
    half = half_of_persons(groups, rng)
    assert not set(groups[half]) & set(groups[~half])
    assert len(set(groups[half])) == len(set(groups)) // 2


def test_an_unknown_way_to_put_rows_together_is_refused():
    with pytest.raises(InputError, match="choose one of mean, max, sum"):
        checked_aggregate("median")


def test_evidence_by_person():
    score = np.array([0.1, 0.9, 0.5, 0.3, 0.7, 0.2])
    unit = np.array([7, 3, 7, 3, 5, 5])
    exposed = np.isin(unit, [7, 3])
    rows = Scored(score, exposed, unit, np.arange(6), tie_break=-score)
    assert rows.grouped
    persons = rows.by_unit()
    assert persons.unit.tolist() == [7, 3, 5] and persons.trial.tolist() == [0, 1, 4]
    np.testing.assert_allclose(persons.score, [0.3, 0.6, 0.45])
    np.testing.assert_allclose(persons.tie_break, [-0.3, -0.6, -0.45])
    assert persons.exposed.tolist() == [True, True, False] and not persons.grouped
    assert persons.by_unit() is persons
    most = Scored(score, exposed, unit, np.arange(6), aggregate="max").by_unit()
    assert most.score.tolist() == [0.5, 0.9, 0.7]


def test_a_person_in_both_arms_is_no_evidence():
    with pytest.raises(TargetError, match="among members and non-members alike"):
        Scored(np.arange(3.0), np.array([True, False, False]), np.array([1, 1, 2]), np.arange(3)).by_unit()
