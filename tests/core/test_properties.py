"""Properties as expressions: values worked by hand, sets drawn to a value, nothing run that is no expression."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divulge.core.errors import InputError
from divulge.core.property_expression import columns_of, dial_of, evaluated, most_drawn, property_of, rows_with
from divulge.core.records import Column, Kind, Records, Schema

TABLE = {
    "sex": np.array(["F", "M", "F", "M"], dtype=object),
    "age": np.array([20.0, 30.0, 40.0, 70.0]),
    "pay grade": np.array([1, 2, 3, 4]),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("share(sex == 'F')", 0.5),
        ("sex == 'F' and age > 30", 0.25),
        ("share(not sex == 'F' or age < 25)", 0.75),
        ("share(sex in ['F', 'X'])", 0.5),
        ("share(20 < age <= 40)", 0.5),
        ("share(col('pay grade') * 10 >= age)", 0.0),
        ("mean(age)", 40.0),
        ("mean(age / 10 - 1)", 3.0),
        ("correlation(age, col('pay grade'))", 1.0),
        ("correlation(age, -age)", -1.0),
        ("size()", 4.0),
        ("duplicates()", 0.0),
    ],
)
def test_values_worked_by_hand(text, value):
    assert property_of(text).value(TABLE) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("share(", "no expression"),
        ("median(age)", "'median' is unknown"),
        ("mean(age, sex)", "takes 1"),
        ("__import__('os')", "is unknown"),
    ],
)
def test_what_is_no_property_is_refused(text, complaint):
    with pytest.raises(InputError, match=complaint):
        property_of(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("share(sexx == 'F')", "did you mean 'sex'"),
        ("share(open('x') == 1)", "not allowed"),
        ("share(sex.upper() == 'F')", "not allowed"),
        ("share([x for x in age] == 1)", "not allowed"),
        ("share(sex > 3)", "cannot be compared"),
        ("mean(sex)", "not a number"),
        ("share(age > 100)", "the same for all"),
    ],
)
def test_expressions_run_nothing_and_fit_the_columns(text, complaint):
    with pytest.raises(InputError, match=complaint):
        property_of(text).check(TABLE)


def test_arithmetic_on_columns():
    assert evaluated("age + 1 > 30", TABLE).tolist() == [False, True, True, True]


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 300), st.floats(0.05, 0.95), st.floats(0, 1), st.integers(0, 10**6))
def test_a_set_is_drawn_with_the_share_that_was_asked_for(count, common, dial, seed):
    rng = np.random.default_rng(seed)
    flags = rng.random(count) < common
    prop = property_of("share(kind == 1)")
    size = most_drawn(prop, flags, (dial,))
    if size < 1:
        return
    rows, copies = rows_with(prop, flags, dial, min(size, 30), rng)
    assert len(copies) == 0 and len(set(rows.tolist())) == len(rows) == min(size, 30)
    assert flags[rows].sum() == round(len(rows) * dial)


def test_copies_sizes_means_and_correlations_are_drawn():
    rng = np.random.default_rng(0)
    x = rng.normal(size=2_000)
    columns = {"x": x, "z": x + rng.normal(size=2_000)}
    twice = property_of("duplicates()")
    rows, copies = rows_with(twice, np.ones(2_000, dtype=bool), 0.25, 400, rng)
    assert twice.value({"x": x[np.concatenate([rows, copies])]}) == pytest.approx(0.25)
    assert len(rows) == 300 and len(copies) == 100 and set(copies) <= set(rows)
    assert len(rows_with(property_of("size()"), np.ones(2_000, dtype=bool), 150, 0, rng)[0]) == 150
    mean = property_of("mean(x)")
    dial = dial_of(mean, 0.4, columns)
    drawn = rows_with(mean, mean.flags(columns), dial, 800, rng)[0]
    assert x[drawn].mean() == pytest.approx(0.4, abs=0.06)
    beta = property_of("correlation(x, z)")
    drawn = rows_with(beta, beta.flags(columns), dial_of(beta, -0.3, columns), 600, rng)[0]
    assert beta.value({k: v[drawn] for k, v in columns.items()}) == pytest.approx(-0.3, abs=0.1)
    with pytest.raises(InputError, match="cannot be drawn"):
        dial_of(mean, 9.0, columns)
    with pytest.raises(InputError, match="too few"):
        rows_with(mean, mean.flags(columns), 0.9, 2_000, rng)


def test_columns_of_tables_and_images():
    schema = Schema((Column("sex", Kind.CATEGORICAL, ("F", "M")), Column("age")), classes=("no", "yes"), target="ill")
    found = columns_of(Records(np.array([[0, 30.0], [1, 40.0]]), np.array([1, 0]), schema))
    assert found["sex"].tolist() == ["F", "M"] and found["ill"].tolist() == ["yes", "no"]
    image = Schema((Column("pixels", Kind.IMAGE),), classes=(0, 1))
    bright = columns_of(Records(np.stack([np.zeros((4, 4)), np.ones((4, 4))]), np.array([0, 1]), image))
    assert bright["brightness"].tolist() == [0, 1]


MIXED = {
    "zip": np.array([8001, 8002, None, 8001], dtype=object),
    "flag": np.array([True, False, True, None], dtype=object),
    "pay": np.array([1.0, np.nan, 3.0, 8.0]),
    "since": np.array(["2020-01-01", "2021-06-01", "NaT", "2022-01-01"], dtype="datetime64[us]"),
    "code": np.array([1, "1", True, 1.0], dtype=object),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("share(zip == 8001)", 0.5),
        ("share(zip != 8001)", 0.25),  # one is missing, and so neither equal nor unequal
        ("share(zip in [8001, 8002])", 0.75),
        ("share(zip not in [8001])", 0.25),
        ("share(zip == None)", 0.25),
        ("share(pay != None)", 0.75),
        ("share(flag)", 0.5),
        ("share(not flag)", 0.5),
        ("share(pay > 0 and flag)", 0.5),
        ("share(since >= '2021-01-01')", 0.5),
        ("share('2020-06-01' < since < '2021-12-31')", 0.25),
        ("mean(pay)", 4.0),
        ("mean(zip)", (8001 + 8002 + 8001) / 3),
        ("mean(since)", (1577836800 + 1622505600 + 1640995200) / 3),
        ("correlation(pay, -pay)", -1 / 3),  # of three records the middle one is above neither median
    ],
)
def test_missing_values_compare_as_false_and_are_left_out_of_means(text, value):
    assert property_of(text).value(MIXED) == pytest.approx(value)


def test_copies_are_equal_in_type_too():
    one = {"code": np.array([1, "1", True, 1.0, 1, None, None], dtype=object)}
    assert property_of("duplicates()").value(one) == pytest.approx(1 - 5 / 7)


def test_a_mean_is_drawn_from_records_whose_number_is_known():
    prop = property_of("mean(pay)")
    assert prop.known(MIXED).tolist() == [True, False, True, True]
    assert dial_of(prop, 4.5, MIXED) == pytest.approx((4.5 - 2) / (8 - 2))  # below the median 1 and 3, above it 8
    with pytest.raises(InputError, match="missing in all"):
        prop.value({"pay": np.full(3, np.nan)})
    with pytest.raises(InputError, match="cannot be compared"):
        property_of("share(zip < 'a')").value(MIXED)
