"""Correct attribution from a release, and figures of similarity that are no evidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from divulge.attacks.reconstruction.release.correct_attribution import CorrectAttribution, agreeing, attribution
from divulge.core.results.policy import Policy
from divulge.data.arrays import from_arrays
from divulge.games.similarity import closest, not_evidence
from divulge.stats.paired import weigh_paired
from tests.attacks.release_tables import people
from tests.attacks.test_release_risks import played


def records_of(*frames):
    return from_arrays([(frame, np.zeros(len(frame))) for frame in frames], labeled=False)


KEYS = pd.DataFrame({"a": list("xxxy"), "b": list("pppq"), "secret": list("mmnn")})
ASKED = pd.DataFrame({"a": ["x", "y", "x"], "b": ["p", "q", "q"], "secret": ["m", "n", "n"]})


def test_attribution_by_hand():
    """x p: three rows, two of which hold m; y q: one row, right; x q: nobody in both, so those that agree in one."""
    rows, asked = records_of(KEYS, ASKED)
    ((where, agree),) = agreeing(asked, rows, [0, 1])
    assert where == slice(0, 3)
    assert agree.tolist() == [[True, True, True, False], [False, False, False, True], [True] * 4]
    found = attribution(agree, rows.x[:, 2], asked.x[:, 2])
    assert found == pytest.approx([2 / 3, 1.0, 0.5])


def generalized(asked, rows, keys, secret):
    """The formula of the package SDMetrics 0.32 (CategoricalGeneralizedCAP), written anew: rows at the least
    Hamming distance, and the share of them with the true value.
    """
    found = []
    for _, person in asked.iterrows():
        apart = [(person[keys] != row[keys]).sum() for _, row in rows.iterrows()]
        near = rows[np.array(apart) == min(apart)]
        found.append((near[secret] == person[secret]).mean())
    return found


def test_attribution_is_that_of_an_implementation_of_its_own():
    rng = np.random.default_rng(0)
    draw = lambda count: pd.DataFrame({c: rng.choice(list("uvw"), count) for c in "abcs"})  # noqa: E731
    table, asked = draw(60), draw(40)
    rows, persons = records_of(table, asked)
    parts = [
        attribution(agree, rows.x[:, 3], persons.x[where, 3]) for where, agree in agreeing(persons, rows, [0, 1, 2])
    ]
    assert np.concatenate(parts) == pytest.approx(generalized(asked, table, list("abc"), "s"))


def advantages(share, seed=0):
    evidence, *_ = played("correct_attribution", share, 400, seed)
    return {e.about: e for e in (weigh_paired(trial, (), Policy()) for trial in evidence.paired)}


def test_a_release_that_copies_tells_what_a_release_about_others_does_not():
    told, nothing = advantages(1.0), advantages(0.0)
    assert told["town"].advantage_low > 0.05 and told["age"].advantage_low > 0
    assert all(each.advantage_low <= 0 for each in nothing.values())


def test_columns_that_are_known_can_be_named_and_missing_ones_are_a_value():
    evidence, *_ = played("correct_attribution", 0.5, 200, known=("town", "pay"))
    assert {trial.about for trial in evidence.paired} >= {"age", "owns"}
    rows, asked = records_of(pd.DataFrame({"q": [np.nan, 1.0, 2.0]}), pd.DataFrame({"q": [np.nan, 1.0, 2.0]}))
    ((_, agree),) = agreeing(asked, rows, [0])
    assert agree.tolist() == np.eye(3, dtype=bool).tolist()


def test_figures_of_similarity_by_hand():
    """Rows at 0 and 3 standard deviations apart: of 0 the closest is 0 and the share 0; of 1 it is 1 of 2."""
    asked, rows = records_of(pd.DataFrame({"n": [0.0, 1.0, 2.0, 3.0]}), pd.DataFrame({"n": [0.0, 3.0]}))
    spread = np.std([0, 1, 2, 3])
    distance, ratio = closest(asked, rows)
    assert distance * spread == pytest.approx([0, 1, 1, 0]) and ratio == pytest.approx([0, 0.5, 0.5, 0])
    assert closest(asked, records_of(pd.DataFrame({"n": [0.0, 3.0]}), pd.DataFrame({"n": [3.0, 3.0]}))[1])[1][3] == 1.0


def test_the_usual_figures_of_a_table_that_leaks_are_called_no_evidence():
    rng = np.random.default_rng(0)
    sides = records_of(people(200, rng), people(200, rng), people(200, rng))
    from divulge.core.records import concat

    words = not_evidence(concat(sides[:2]), 200, sides[0])
    assert words.startswith("not evidence: median distance to the closest row 0 of training rows")
    assert words.endswith("can be made to have good ones")
    assert "nearer than the other they are compared with: 100 %" in words
    evidence, *_ = played("copied_rows", 0.5, 100)
    assert any(note.startswith("not evidence") for note in evidence.notes)


def test_the_card_says_what_is_asked():
    assert CorrectAttribution.card.paper == "taub2018" and "share of right ones" in CorrectAttribution.card.differs
