"""Why it leaks: planted traits of the named members are told, and nothing is told where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.auditing.causes import _neighbours, _p_value
from divulge.core.finding import Verdict
from divulge.data.arrays import from_arrays


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tree that learns wrong labels by heart: only records whose label is wrong can be told."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 4))
    y = ((x[:, 0] > 0) ^ (rng.random(3000) < 0.15)).astype(int)
    model = DecisionTreeClassifier(min_samples_leaf=1, random_state=0).fit(x[:1000], y[:1000])
    return divulge.audit(
        model,
        (x[:1000], y[:1000]),
        (x[1000:2000], y[1000:2000]),
        attacks=["rmia"],
        shadows=8,
        out=tmp_path_factory.mktemp("causes") / "r",
    )


def test_records_that_their_neighbours_contradict_are_named_as_the_cause(run):
    assert run.verdict is Verdict.LEAK
    found = {c.name: c for c in run.dossier.causes}
    told = found["most similar records have another class"]
    assert told.telling and told.named > 2 * told.everybody
    assert found["right only because it was trained on"].telling
    assert not found["occurs more than once"].telling
    assert not found["of a class with less than half of its fair share"].telling


def test_the_report_says_what_to_try(run):
    page = run.report().read_text()
    assert "What do the members that can be named have in common?" in page and "check these labels" in page


def test_without_a_leak_nothing_is_explained(tmp_path, halves, careful_model):
    x, y, u, v = halves
    quiet = divulge.audit(careful_model, (x, y), (u, v), attacks=["loss"], out=tmp_path / "r")
    assert quiet.dossier.causes == ()


def test_traits_by_lot_are_hardly_ever_telling():
    rng = np.random.default_rng(1)
    rejected = [_p_value(rng.random(500) < 0.2, rng.random(500) < 0.1) <= 0.05 for _ in range(400)]
    assert np.mean(rejected) <= 0.075


def test_neighbours_by_hand():
    (records,) = from_arrays([(np.array([[0.0], [1], [2], [3], [4], [5], [100]]), [0, 0, 0, 1, 1, 1, 0])])
    distance, which = _neighbours(records)
    assert distance.argmax() == 6 and set(which[0]) == {1, 2, 3, 4, 5}
