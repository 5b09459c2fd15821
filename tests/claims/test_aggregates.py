"""Counts that were released: closed forms, equations by hand, releases about others, and noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from divulge.claims.aggregates import (
    DWORK,
    HOMER,
    Marginals,
    differing,
    homer,
    records_of,
    solved,
    told,
    traced,
    who_was_counted,
)
from divulge.core.errors import InputError
from divulge.core.results.metric import AUC, EPSILON
from divulge.data.arrays import from_arrays


def sides(seed, columns=200, members=50, others=300, public=3000):
    """Columns of independent truth values, each as likely as not."""
    x = np.random.default_rng(seed).integers(0, 2, (members + others + public, columns))
    frame = pd.DataFrame(np.where(x, "yes", "no"), columns=[f"c{k}" for k in range(columns)])
    cut = np.cumsum([members, others])
    pieces = (frame[: cut[0]], frame[cut[0] : cut[1]], frame[cut[1] :])
    return from_arrays([(piece, np.zeros(len(piece))) for piece in pieces], labeled=False)


def marginals_of(public):
    return Marginals(tuple((name,) for name in public.schema.names), public)


def area(found, paper):
    return next(e for e in found[paper] if e.metric == AUC)


def test_scores_by_hand():
    asked, shares, population = np.array([[1.0, 0.0]]), np.array([0.75, 0.5]), np.array([0.5, 0.5])
    assert homer(asked, shares, population).tolist() == [0.25]
    assert traced(asked, shares, population).tolist() == [0.125]


def test_cells_by_hand():
    frame = pd.DataFrame({"a": list("xyx"), "b": list("ppq")})
    (records,) = from_arrays([(frame, np.zeros(3))], labeled=False)
    single, double = Marginals((("a",),), records), Marginals((("a", "b"),), records)
    assert sorted(single.counted(records).tolist()) == [1, 2]
    assert sorted(double.counted(records).tolist()) == [0, 1, 1, 1] and double.cells(records).sum() == 3


def test_shares_without_noise_tell_who_was_counted_as_often_as_derived():
    """A member adds p (1 - p) / n to the score in each of d columns, whose variance is d (p (1 - p))^2 / n: the AUC is
    Phi(sqrt(d / n) / sqrt(2)), of either attack where p is a half.
    """
    columns, members = 60, 60
    known = norm.cdf(np.sqrt(columns / members) / np.sqrt(2))
    found = {HOMER: [], DWORK: []}
    for seed in range(3):
        inside, outside, public = sides(seed, columns, members, 300, 3000)
        marginals = marginals_of(public)
        told_by = who_was_counted(marginals.counted(inside), marginals, inside, outside)
        for paper, areas in found.items():
            areas.append(area(told_by, paper).value)
    assert np.mean(found[DWORK]) == pytest.approx(known, abs=0.04)
    assert np.mean(found[HOMER]) == pytest.approx(known, abs=0.04)


def test_counts_of_other_people_tell_nothing_and_many_columns_tell_all():
    inside, outside, public = sides(7)
    marginals = marginals_of(public)
    everything = who_was_counted(marginals.counted(inside), marginals, inside, outside)
    assert area(everything, DWORK).value > 0.9
    nothing = who_was_counted(marginals.counted(public.take(np.arange(50))), marginals, inside, outside)
    for paper in (HOMER, DWORK):
        assert area(nothing, paper).low <= 0.5 <= area(nothing, paper).high


def test_noise_hides_and_its_epsilon_holds():
    inside, outside, public = sides(8)
    marginals = marginals_of(public)
    for epsilon, most in ((1.0, 0.6), (20.0, 0.8)):
        found = who_was_counted(marginals.counted(inside, epsilon), marginals, inside, outside)
        assert area(found, DWORK).value < most
        assert next(e for e in found[DWORK] if e.metric == EPSILON).value <= epsilon


def test_bits_are_solved_for_exactly_where_there_is_no_noise():
    """40 people, 120 random queries: the only bits that fit; 4 queries leave most of them open."""
    rng = np.random.default_rng(0)
    secret, queries = rng.integers(0, 2, 40), rng.random((120, 40)) < 0.5
    exact = solved(queries, queries @ secret)
    assert exact == pytest.approx(secret, abs=1e-6)
    assert told(exact, secret).value == 1.0
    few = told(solved(queries[:4], queries[:4] @ secret), secret)
    assert few.value < 0.85


def test_noise_beyond_the_root_of_the_number_of_people_hides_the_bits():
    """Dinur and Nissim: errors well below sqrt(n) leave nearly all bits open to be solved for, errors above do not."""
    rng = np.random.default_rng(1)
    secret, queries = rng.integers(0, 2, 60), rng.random((240, 60)) < 0.5
    little = told(solved(queries, queries @ secret + rng.integers(-1, 2, 240)), secret)
    much = told(solved(queries, queries @ secret + rng.normal(0, 60, 240)), secret)
    assert little.value > 0.95 and little.advantage_low > 0.2
    assert much.low <= 0.75 and much.advantage_low <= 0.05


def test_two_counts_that_differ_in_one_person_tell_of_that_one():
    queries = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 1]], dtype=bool)
    secret = np.array([1, 0, 1, 1])
    assert differing(queries, queries @ secret) == {2: 1.0, 3: 1.0}
    assert differing(queries[:1], [2]) == {}


def test_what_does_not_fit_is_refused():
    inside, outside, public = sides(9, 3, 10, 10, 50)
    marginals = marginals_of(public)
    with pytest.raises(InputError, match="6 cells"):
        who_was_counted(np.zeros(5), marginals, inside, outside)
    with pytest.raises(InputError, match="above 0"):
        marginals.counted(inside, 0.0)
    with pytest.raises(InputError, match="2 queries"):
        solved(np.ones((2, 3), dtype=bool), np.zeros(3))
    with pytest.raises(InputError, match="no column"):
        Marginals((("zz",),), public).counted(inside)


def test_data_frames_become_records_with_one_list_of_categories():
    """A town that only the members have is a cell of everybody's table."""
    frames = [pd.DataFrame({"town": list(towns), "age": range(len(towns))}) for towns in ("ab" * 8, "abz", "bab")]
    public, members, others = records_of(*frames)
    marginals = Marginals("town", public)
    assert marginals.columns == (("town",),)
    assert sorted(marginals.counted(members).tolist()) == [1, 1, 1]
    assert sorted(marginals.counted(others).tolist()) == [0, 1, 2]
    assert Marginals(["town", ("town", "age")], public).cells(members).sum(axis=1).tolist() == [2, 2, 2]


def test_what_is_no_table_of_counts_is_refused():
    frame = pd.DataFrame({"town": list("abab"), "age": range(4)})
    (records,) = records_of(frame)
    (other,) = records_of(frame.rename(columns={"age": "years"}))
    marginals = Marginals(["town"], records)
    counts = marginals.counted(records)
    for refused, why in (
        (lambda: Marginals(["town"], frame), "public: a DataFrame is no Records"),
        (lambda: Marginals(["city"], records), "no column 'city'; the columns are town, age"),
        (lambda: Marginals([], records), "no columns are counted"),
        (lambda: Marginals([()], records), "no columns are counted"),
        (lambda: marginals.counted(frame), "what is counted: a DataFrame is no Records"),
        (lambda: marginals.counted(other), "other columns than the public ones"),
        (lambda: who_was_counted(counts * np.nan, marginals, records, records), "one finite number for each"),
    ):
        with pytest.raises(InputError, match=why):
            refused()


def test_queries_and_answers_of_another_form_are_refused():
    queries = np.array([[1, 1, 0], [1, 0, 0]])
    for ask in (solved, differing):
        for strange, answers, why in (
            (queries, [1.0], "2 queries: give one finite number"),
            (queries, [1.0, np.nan], "2 queries: give one finite number"),
            (queries[0], [1.0], "a row for each query"),
            (queries[:0], [], "a row for each query"),
            (2 * queries, [1.0, 1.0], "a true or false for each person"),
        ):
            with pytest.raises(InputError, match=why):
                ask(strange, answers)
    assert differing(queries.tolist(), [2, 1]) == {0: 1.0, 1: 1.0}
    for guess, secret in (([], []), ([0.5], [1, 0]), ([0.5], [3])):
        with pytest.raises(InputError, match="one bit, 0 or 1, for each person"):
            told(guess, secret)
