"""Arrays of times, of complex numbers, with named fields: a model is handed the very rows, divulge their numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.errors import InputError
from divulge.data.arrays import from_arrays

RNG = np.random.default_rng(0)
VALUES = np.round(RNG.normal(size=(160, 4)), 3)
Y = (VALUES[:, 0] + RNG.normal(size=160) > 0).astype(int)
HALF = 80


def fields(values):
    made = np.empty(len(values), dtype=[("a", float), ("b", np.int32), ("c", "U3"), ("d", "M8[D]")])
    made["a"], made["b"] = values[:, 0], 100 * values[:, 1]
    made["c"] = np.where(values[:, 2] > 0, "yes", "no")
    made["d"] = np.datetime64("2020-01-01") + (1000 * values[:, 3]).astype(int).astype("m8[D]")
    return made


def days(values):
    return np.datetime64("2020-01-01") + np.round(1000 * values).astype(int).astype("m8[D]")


def of_fields(rows):
    since = (rows["d"] - np.datetime64("2020-01-01")).astype(float)
    return np.column_stack([rows["a"], rows["b"], rows["c"] == "yes", since])


KINDS = {
    "days": (days, lambda rows: rows.astype("M8[D]").astype(float)),
    "times with holes": (
        lambda v: np.where(v > 2, np.datetime64("NaT"), days(v).astype("M8[ms]")),
        lambda rows: np.where(np.isnat(rows), -9.0, rows.astype("M8[D]").astype(float)),
    ),
    "spans": (lambda v: (1e4 * v).astype("m8[s]"), lambda rows: rows.astype(float)),
    "complex": (lambda v: v[:, :2] + 1j * v[:, 2:], lambda rows: np.column_stack([rows.real, rows.imag])),
    "complex64": (
        lambda v: (v[:, :2] + 1j * v[:, 2:]).astype(np.complex64),
        lambda rows: np.column_stack([rows.real, rows.imag]),
    ),
    "long double": (lambda v: v.astype(np.longdouble), lambda rows: rows.astype(float)),
    "named fields": (fields, of_fields),
    "a record array": (
        lambda v: fields(v).view(np.recarray),
        lambda rows: np.column_stack([rows.a, rows.b, rows.c == "yes"]),
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_loss_is_the_owner_s(name, tmp_path):
    made, numbers = KINDS[name]
    rows, given = made(VALUES), []
    model = DecisionTreeClassifier(max_depth=6, random_state=0).fit(numbers(rows[:HALF]), Y[:HALF])

    def asked(x):
        given.append(x)
        return model.predict_proba(numbers(x))

    how = {"attacks": ["loss"], "recipe": None, "progress": None, "out": tmp_path}
    run = divulge.audit(asked, (rows[:HALF], Y[:HALF]), (rows[HALF:], Y[HALF:]), **how)
    loss = np.log(np.maximum(model.predict_proba(numbers(rows)), 1e-12))[np.arange(2 * HALF), Y]
    by_hand = roc_auc_score(np.arange(2 * HALF) < HALF, loss)
    assert next(f.value for f in run.findings if f.metric == "auc") == pytest.approx(by_hand, abs=1e-9)
    assert {(type(x), x.dtype) for x in given} == {(type(rows), rows.dtype)}


@pytest.mark.parametrize("name", KINDS)
def test_numbers_become_such_records_again(name):
    made, _ = KINDS[name]
    rows = made(VALUES)
    (records,) = from_arrays([(rows, Y)])
    back = replace(records).native()
    assert type(back) is type(rows) and back.dtype == rows.dtype
    same = back == rows
    if rows.dtype.kind == "M":
        same |= np.isnat(back) & np.isnat(rows)
    assert np.all(same)
    features = records.features()
    assert len(features) == len(rows) and np.isfinite(features).all()
    other = from_arrays([(made(np.roll(VALUES, 1, axis=0)), Y)])[0]
    assert records.fingerprint() == from_arrays([(rows, Y)])[0].fingerprint() != other.fingerprint()


def test_complex_numbers_are_their_parts():
    (records,) = from_arrays([(np.array([[1 + 2j, 3 - 1j], [0j, 1j]]), [0, 1])])
    assert records.x.tolist() == [[1, 3, 2, -1], [0, 0, 0, 1]]
    assert records.schema.names[2] == "feature 0 (imaginary)"


class Foreign:
    """A table of a library that nobody knows."""

    def __init__(self, frame):
        self.frame = frame

    def to_pandas(self):
        return self.frame


def test_tables_of_libraries_that_are_not_known_are_frames():
    frame = pd.DataFrame(VALUES, columns=list("abcd")).assign(label=Y)
    (records,) = from_arrays([(Foreign(frame), Y)])
    assert isinstance(records.native(), pd.DataFrame) and records.schema.names == (*"abcd", "label")


def test_what_is_no_row_of_values_ends_in_one_error_with_the_cure():
    nested = np.zeros(4, dtype=[("a", float, (2,))])
    with pytest.raises(InputError, match="a function that makes of it what the model takes"):
        from_arrays([(nested, [0, 1, 0, 1])])
    with pytest.raises(InputError, match="the real and the imaginary part"):
        from_arrays([(np.zeros((4, 2, 2), dtype=complex), [0, 1, 0, 1])])
