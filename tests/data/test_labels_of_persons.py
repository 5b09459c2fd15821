"""Whose records they are: labels of any kind, and persons that sets have in common."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from divulge.core.errors import InputError
from divulge.data.arrays import from_arrays
from divulge.data.persons import with_persons
from divulge.data.splits import Duplicates, separate

NAMES = ("members", "non-members", "population")


def sets(*sizes, seed=0):
    rng = np.random.default_rng(seed)
    return from_arrays([(rng.normal(size=(n, 2)), np.arange(n) % 2) for n in sizes])


def named(records, labels):
    return with_persons(list(zip(NAMES, records, strict=False)), labels)


@pytest.mark.parametrize(
    "kind",
    [
        list,
        np.array,
        pd.Series,
        lambda v: pd.Series(v, index=range(100, 100 + len(v))),
        lambda v: pd.Series(v).astype("category"),
        lambda v: np.array(v)[:, None],
    ],
)
@pytest.mark.parametrize("labels", [(["a", "b", "a"], ["c", "d"]), ([7, 9, 7], [1, 2])])
def test_labels_of_any_kind_number_the_persons(kind, labels):
    made, told = named(sets(3, 2), [kind(part) for part in labels])
    assert made[0].groups.tolist() == [0, 1, 0] and made[1].groups.tolist() == [2, 3]
    if np.ndim(kind(labels[0])) == 1:
        assert told == tuple(map(str, pd.unique(np.array([*labels[0], *labels[1]]))))
    assert made[0].given is not None  # what the target is asked about stays what its owner gave


def test_equal_labels_are_one_person_across_sets_whatever_their_type():
    made, _ = named(sets(2, 2), [np.array([7, 8]), np.array(["7", "x"], dtype=object)])
    assert made[1].groups[0] == made[0].groups[0]
    made, _ = named(sets(2, 2), [np.array([7.0, 8.0]), np.array([7, 9])])
    assert made[1].groups[0] == made[0].groups[0]


def test_population_records_without_labels_stand_for_a_person_each():
    made, told = named(sets(2, 2, 3), [["a", "a"], ["b", "b"], None])
    assert len(set(made[2].groups.tolist()) | {0, 1}) == 5 and told == ("a", "b")


def test_labels_that_do_not_fit_or_are_missing_are_refused():
    with pytest.raises(InputError, match="groups of the members: there are 2 for 3 records"):
        named(sets(3, 2), [["a", "b"], ["c", "d"]])
    with pytest.raises(InputError, match="groups of the non-members: 1 record without a label"):
        named(sets(3, 2), [["a", "b", "b"], ["c", None]])
    with pytest.raises(InputError, match="2 records without a label"):
        named(sets(3, 2), [[1.0, np.nan, np.nan], [2, 3]])


def test_a_person_on_both_sides_is_refused_or_dropped():
    made, _ = named(sets(4, 4, 3), [["a", "a", "b", "c"], ["b", "d", "b", "e"], ["a", "f", "d"]])
    for duplicates in (Duplicates.REFUSE, Duplicates.KEEP):
        with pytest.raises(InputError, match="1 person stands among members and non-members alike"):
            separate(*made, duplicates)
    members, nonmembers, population, overlap = separate(*made, Duplicates.DROP)
    assert len(members) == 4 and nonmembers.groups.tolist() == made[1].groups[[1, 3]].tolist()
    assert population.groups.tolist() == [made[2].groups[1]]  # nobody in question is the adversary's
    assert overlap.persons == 1 and str(overlap).startswith("1 person among members and non-members alike, dropped")
    everybody, _ = named(sets(2, 2), [["a", "b"], ["b", "a"]])
    with pytest.raises(InputError, match="every person among the non-members is a member too"):
        separate(everybody[0], everybody[1], None, Duplicates.DROP)


def test_equal_rows_of_one_person_are_no_duplicates():
    x = np.array([[0.0], [0.0], [0.0], [1.0]])
    y = np.array([0, 0, 0, 1])
    records = from_arrays([(x, y), (x + 5, y)])
    alone, _ = named(records, [["a", "a", "b", "c"], list("defg")])
    assert separate(*alone, None, Duplicates.REFUSE)[3].within == 1  # of a and of b
    together, _ = named(records, [["a", "a", "a", "c"], list("defg")])
    assert separate(*together, None, Duplicates.REFUSE)[3].within == 0
    assert separate(*records, None, Duplicates.REFUSE)[3].within == 2
