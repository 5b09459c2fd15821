"""Values of any type in what is compared, counted and told: 1, 1.0, True and "1" are four, and missing is one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from divulge.core.records import Column, Kind
from divulge.data.arrays import from_arrays
from divulge.games.judges.image import row_string
from divulge.runs.subgroups import attributes_of


def test_sets_share_only_what_is_equal_in_type():
    mixed = pd.DataFrame({"code": pd.Series([1, 1.0, True, "1", None], dtype=object)})
    again = pd.DataFrame({"code": pd.Series(["1", 2, None, True, 1], dtype=object)})
    one, other = from_arrays([(mixed, [0, 1, 0, 1, 0]), (again, [1, 0, 0, 1, 0])])
    own, theirs = one.row_keys(), other.row_keys()
    assert len(set(own)) == 5
    assert [key in own for key in theirs] == [True, False, True, False, True]  # True has another label there


def test_missing_numbers_are_equal_and_near_ones_are_near():
    x = np.array([[np.nan, 1.0], [np.nan, 1.0], [0.0, 1.0], [np.nan, 1.000001], [5.0, 9.0]])
    (records,) = from_arrays([(x, [0, 0, 0, 0, 1])])
    exact, rounded = records.row_keys(), records.row_keys(decimals=2)
    assert exact[0] == exact[1] != exact[2] and exact[0] != exact[3]
    assert rounded[0] == rounded[3] != rounded[2]


def test_groups_of_a_sensitive_attribute_in_words():
    frame = pd.DataFrame(
        {
            "zip": pd.Categorical([8001, 8002, None, 8001]),
            "code": pd.Series([1, "1", True, 2.5], dtype=object),
            "owns": pd.array([True, None, False, True], dtype="boolean"),
            "since": pd.to_datetime(["2020-01-01", "2021-02-03", None, "2020-01-01"]),
            "kids": pd.array([0, 2, None, 2], dtype="Int64"),
        }
    )
    (records,) = from_arrays([(frame, [0, 1, 0, 1])], sensitive=list(frame.columns))
    told = attributes_of(records, np.array([True] * 4), np.arange(4))
    assert told["zip"].tolist() == ["8001", "8002", "missing", "8001"]
    assert told["code"].tolist() == ["1 (int)", "1 (str)", "True", "2.5"]
    assert told["owns"].tolist() == ["True", "missing", "False", "True"]
    assert told["since"].tolist() == ["2020-01-01", "2021-02-03", "missing", "2020-01-01"]
    assert told["kids"].tolist() == ["0", "2", "missing", "2"]
    assert row_string(records.x[2], records.schema) == "zip missing, code True, owns False, since missing, kids missing"


@pytest.mark.parametrize(
    ("column", "made", "held"),
    [
        (Column("n", dtype="int64"), [1.4, -2.6, np.nan], [1, -3, np.nan]),
        (Column("n", dtype="UInt8"), [300.0, -7.0, 3.0], [255, 0, 3]),
        (Column("n", dtype="float64"), [1.4, -2.6, np.nan], [1.4, -2.6, np.nan]),
        (Column("b", Kind.BOOLEAN, dtype="bool"), [0.7, 1e9, -4.0], [1, 1, 0]),
        (Column("c", Kind.CATEGORICAL, ("a", "b")), [0.6, 9.0, -1.0], [1, 1, 0]),
        (Column("t", Kind.DATETIME, dtype="datetime64[ns]"), [0.5, 1.5, np.nan], [0.5, 1.5, np.nan]),
    ],
)
def test_made_up_numbers_become_what_a_column_holds(column, made, held):
    assert np.array_equal(column.settled(np.array(made)), held, equal_nan=True)
