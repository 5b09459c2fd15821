from __future__ import annotations

import numpy as np
import pytest

from divulge.core.errors import InputError, TargetError
from divulge.core.evidence import Evidence
from divulge.core.hashing import derived_seed, digest, row_digests
from divulge.core.records import Column, Kind, Records, Schema, concat

SCHEMA = Schema((Column("age"), Column("sex", Kind.CATEGORICAL, ("f", "m"))), classes=("no", "yes"))


def make(x, y=(0, 1)):
    return Records(np.asarray(x, dtype=float), np.asarray(y), SCHEMA)


def test_columns_come_back_decoded():
    columns = make([[30, 0], [40, 1]]).columns()
    assert columns["age"].tolist() == [30, 40]
    assert columns["sex"].tolist() == ["f", "m"]


def test_holes_are_refused_with_the_column_and_the_cure():
    with pytest.raises(InputError, match=r"column 'age' has 1 NaN .*SimpleImputer"):
        make([[np.nan, 0], [40, 1]])


def test_lengths_must_agree():
    with pytest.raises(InputError, match="x has 2 records and y has 3"):
        make([[1, 0], [2, 1]], (0, 1, 1))


def test_an_unknown_sensitive_column_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'age'"):
        SCHEMA.marked(["agee"])
    assert SCHEMA.marked(["sex"]).sensitive == ("sex",)


def test_row_keys_see_the_target_and_forgive_rounding():
    a, b = make([[1.0, 0], [2.0, 1]]), make([[1.0, 0], [2.0, 1]], (1, 1))
    assert a.row_keys()[0] != b.row_keys()[0]
    assert a.row_keys()[1] == b.row_keys()[1]
    near = concat([a, make([[1.0 + 1e-9, 0], [2.0, 1]])])
    keys = near.row_keys(4)
    assert keys[0] == keys[2]
    assert near.row_keys()[0] != near.row_keys()[2]


def test_hashes_do_not_confuse_neighbours():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(np.zeros(2)) != digest(np.zeros((2, 1)))
    assert row_digests(np.array([[0.0], [-0.0]]))[0] == row_digests(np.array([[0.0], [-0.0]]))[1]
    assert derived_seed(1, "a", "b") != derived_seed(1, "ab") != derived_seed(2, "ab")


def test_evidence_needs_both_arms_and_finite_scores():
    index = np.arange(3)
    with pytest.raises(TargetError, match="both arms"):
        Evidence(np.zeros(3), np.ones(3, dtype=bool), index, index)
    with pytest.raises(TargetError, match="1 values of score are NaN"):
        Evidence(np.array([0, np.nan, 1]), np.array([True, False, True]), index, index)


def test_a_tie_break_orders_equal_scores_only():
    index = np.arange(4)
    member = np.array([True, False, True, False])
    ranks = Evidence(np.array([1.0, 1.0, 2.0, 0.0]), member, index, index, np.array([5.0, 6.0, 0.0, 9.0])).ranks()
    assert ranks.tolist() == [1, 2, 3, 0]
