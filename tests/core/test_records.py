from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import derived_seed, digest, row_digests
from divulge.core.records import Column, Kind, Records, Schema, concat
from divulge.core.results.trials import Scored
from divulge.core.threat import Task

SCHEMA = Schema((Column("age"), Column("sex", Kind.CATEGORICAL, ("f", "m"))), classes=("no", "yes"))


def make(x, y=(0, 1)):
    return Records(np.asarray(x, dtype=float), np.asarray(y), SCHEMA)


def test_columns_come_back_decoded():
    columns = make([[30, 0], [40, 1]]).columns()
    assert columns["age"].tolist() == [30, 40]
    assert columns["sex"].tolist() == ["f", "m"]


def test_missing_numbers_stay_missing_and_are_filled_for_divulges_own_use_only():
    schema = Schema((Column("age", fill=35.0), Column("sex", Kind.CATEGORICAL, ("f", "m"))), classes=("no", "yes"))
    records = Records(np.array([[np.nan, 0], [40, 1]]), np.array([0, 1]), schema)
    assert np.isnan(records.native()[0, 0])
    assert records.flat().tolist() == [[35.0, 0.0], [40.0, 1.0]]
    again = Records(np.array([[-np.nan, 0], [40, 1]]), np.array([0, 1]), schema)
    assert records.row_keys() == again.row_keys()


def test_changed_numbers_are_never_taken_for_what_was_given():
    class Given:
        value = "as it was"

        def lent(self):
            return self.value

        def take(self, index):
            return self

        def joined(self, others):
            return self

        def fingerprint(self):
            return "as it was"

    records = make([[30, 0], [40, 1]]).as_given(Given())
    assert records.native() == records.take(np.array([1])).native() == "as it was"
    assert replace(records, x=records.x + 1).native().tolist() == [[31, 1], [41, 2]]


def test_whatever_changes_the_meaning_of_a_record_changes_its_fingerprint():
    x, y = np.array([[1.0, 0], [2, 1]]), np.array([0, 1])
    plain = Records(x, y, SCHEMA)
    sex = SCHEMA.columns[1]
    changed = [
        Records(x + 1e-12, y, SCHEMA),
        Records(x, y[::-1].copy(), SCHEMA),
        Records(x, y, SCHEMA, np.array([0, 0])),
        *(
            Records(x, y, schema)
            for schema in (
                SCHEMA.marked(["sex"]),
                replace(SCHEMA, columns=(SCHEMA.columns[0], replace(sex, categories=("oui", "non")))),
                replace(SCHEMA, columns=(SCHEMA.columns[0], replace(sex, categories=(0, 1)))),
                replace(SCHEMA, columns=(SCHEMA.columns[0], replace(sex, categories=(False, True)))),
                replace(SCHEMA, columns=(Column("aged"), sex)),
                replace(SCHEMA, columns=(Column("age", dtype="int8"), sex)),
                replace(SCHEMA, classes=("yes", "no")),
                replace(SCHEMA, classes=(0, 1)),
                replace(SCHEMA, target="ill"),
                replace(SCHEMA, framed=True),
                replace(SCHEMA, task=Task.REGRESSION),
            )
        ),
    ]
    assert len({records.fingerprint() for records in [plain, *changed]}) == 1 + len(changed)
    assert Records(x.copy(), y.copy(), replace(SCHEMA)).fingerprint() == plain.fingerprint()


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


def test_hashes_do_not_confuse_neighbors():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(np.zeros(2)) != digest(np.zeros((2, 1)))
    assert row_digests(np.array([[0.0], [-0.0]]))[0] == row_digests(np.array([[0.0], [-0.0]]))[1]
    assert derived_seed(1, "a", "b") != derived_seed(1, "ab") != derived_seed(2, "ab")


def test_evidence_needs_both_arms_and_finite_scores():
    index = np.arange(3)
    with pytest.raises(TargetError, match="both arms"):
        Scored(np.zeros(3), np.ones(3, dtype=bool), index, index)
    with pytest.raises(TargetError, match="1 values of score are NaN"):
        Scored(np.array([0, np.nan, 1]), np.array([True, False, True]), index, index)


def test_a_tie_break_orders_equal_scores_only():
    index = np.arange(4)
    member = np.array([True, False, True, False])
    ranks = Scored(np.array([1.0, 1.0, 2.0, 0.0]), member, index, index, np.array([5.0, 6.0, 0.0, 9.0])).ranks()
    assert ranks.tolist() == [1, 2, 3, 0]
