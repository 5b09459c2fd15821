"""Who is more at risk: groups with a planted difference are named, equal ones are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import divulge
from divulge.core.records import Column, Kind, Records, Schema
from divulge.runs.subgroups import attributes_of, subgroups


def drawn(rng, gaps, n=1600):
    """Scores whose members lie `gaps[group]` higher, in two frames as a run keeps them."""
    member = np.arange(n) % 2 == 0
    group = rng.integers(0, len(gaps), n)
    score = rng.normal(size=n) + member * np.asarray(gaps)[group]
    row = np.arange(n) // 2
    scores = pd.DataFrame({"member": member, "row": row, "score": score})
    return scores, pd.DataFrame({"member": member, "row": row, "town": np.array(["Ulm", "Rom", "Bad"])[group]})


def test_a_group_with_a_planted_gap_is_named():
    found = subgroups(*drawn(np.random.default_rng(0), [0.2, 0.2, 1.5]), 0.95)
    assert {g.value: g.more_at_risk for g in found} == {"Ulm": False, "Rom": False, "Bad": True}
    assert next(g for g in found if g.value == "Bad").auc.value == pytest.approx(0.856, abs=0.05)


def test_equal_groups_are_named_in_at_most_a_twentieth_of_the_audits():
    rng = np.random.default_rng(1)
    named = [any(g.more_at_risk for g in subgroups(*drawn(rng, [0.5] * 3, 600), 0.95)) for _ in range(200)]
    assert np.mean(named) <= 0.085


def test_small_groups_are_left_out():
    scores, attributes = drawn(np.random.default_rng(2), [0.5] * 3)
    attributes.loc[:9, "town"] = "Nowhere"
    assert "Nowhere" not in {g.value for g in subgroups(scores, attributes, 0.95)}


def test_numbers_are_cut_into_bands_and_categories_decoded():
    schema = Schema((Column("age", sensitive=True), Column("sex", Kind.CATEGORICAL, ("f", "m"), sensitive=True)))
    x = np.column_stack([np.arange(100.0), np.arange(100) % 2])
    frame = attributes_of(Records(x, np.zeros(100), schema), np.ones(100, dtype=bool), np.arange(100))
    assert set(frame["sex"]) == {"f", "m"} and frame["age"].nunique() == 4
    assert frame["age"].value_counts().tolist() == [25, 25, 25, 25]


def test_a_report_says_who_is_more_at_risk(tmp_path):
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    n = 1200
    town = rng.choice(["Ulm", "Rom"], n)
    frame = pd.DataFrame({"age": rng.normal(size=n), "height": rng.normal(size=n), "town": town})
    noise = rng.random(n) < np.where(town == "Ulm", 0.5, 0.0)
    ill = np.where(noise, rng.integers(0, 2, n), frame["age"] > 0).astype(int)
    encode = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    model = make_pipeline(encode, DecisionTreeClassifier(random_state=0)).fit(frame[:600], ill[:600])
    run = divulge.audit(
        model,
        (frame[:600], ill[:600]),
        (frame[600:], ill[600:]),
        attacks=["loss"],
        sensitive=["town"],
        out=tmp_path / "r",
    )
    assert {g.value: g.more_at_risk for g in run.result.subgroups} == {"Rom": False, "Ulm": True}
    assert "Is anyone more at risk than others?" in run.report().read_text()
