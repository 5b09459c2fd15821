"""Who is more at risk: groups with a planted difference are named, equal ones are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import divulge
from divulge.core.records import Column, Kind, Records, Schema
from divulge.runs.subgroups import attributes_of, subgroups

TOWNS = np.array(["Ulm", "Rom", "Bad", "Hof", "Zug"])


def drawn(rng, gaps, n=1600, level=0.0):
    """Scores whose members lie `gaps[group]` higher, and whose groups lie `level` apart, in two frames as a run keeps
    them.
    """
    member = np.arange(n) % 2 == 0
    group = rng.integers(0, len(gaps), n)
    score = rng.normal(size=n) + member * np.asarray(gaps)[group] + level * group
    row = np.arange(n) // 2
    scores = pd.DataFrame({"member": member, "row": row, "score": score})
    return scores, pd.DataFrame({"member": member, "row": row, "town": TOWNS[group]})


def test_a_group_with_a_planted_gap_is_named():
    found = subgroups(*drawn(np.random.default_rng(0), [0.2, 0.2, 1.5]), 0.95)
    assert {g.value: g.more_at_risk for g in found} == {"Ulm": False, "Rom": False, "Bad": True}
    bad = next(g for g in found if g.value == "Bad")
    assert bad.others == pytest.approx(0.556, abs=0.05) and bad.named.value > bad.named_others and bad.named_p < 0.05
    assert next(g for g in found if g.value == "Bad").auc.value == pytest.approx(0.856, abs=0.05)


@pytest.mark.parametrize(("gap", "level"), [(0.5, 0.0), (0.8, 1.5), (0.0, 3.0)])
def test_groups_with_an_equal_leak_are_named_in_at_most_a_twentieth_of_the_audits(gap, level):
    """Also where their records are harder: each lies `level` deviations above the one before."""
    rng, named = np.random.default_rng(1), []
    for _ in range(60):
        found = subgroups(*drawn(rng, [gap] * 5, 600, level), 0.95)
        named.append(any(g.more_at_risk or g.less_at_risk for g in found))
        assert len(found) == 5
    assert np.sum(named) <= 8  # binomial(60, 0.05) exceeds 8 in less than one case of a hundred


def test_equal_groups_are_exposed_equally_at_one_threshold_and_easier_ones_more():
    rng = np.random.default_rng(2)
    told = [any(g.named_p <= 0.05 for g in subgroups(*drawn(rng, [0.5] * 3, 600), 0.95)) for _ in range(60)]
    assert np.sum(told) <= 8
    found = subgroups(*drawn(rng, [0.8] * 3, 2400, 1.5), 0.95)
    assert not any(g.more_at_risk for g in found)
    easy = found[[g.value for g in found].index("Bad")]
    assert easy.named_p < 1e-6 and easy.named.value > easy.named_others and easy.strangers.value > easy.fpr == 0.01


def test_a_group_that_is_safer_than_the_others_is_told_too():
    found = {g.value: g for g in subgroups(*drawn(np.random.default_rng(3), [1.5, 1.5, 0.0]), 0.95)}
    assert found["Bad"].less_at_risk and not found["Bad"].more_at_risk


def test_the_contrast_is_welchs_and_shares_are_fishers():
    """Two groups alone: the contrast is the difference of two logits over both errors; shares as in R's fisher.test."""
    from divulge.core.results.estimate import Rate
    from divulge.stats.auc import Auc
    from divulge.stats.within import Area, against_the_others, two_sided

    one, two = Area(Auc(0.8, 0.01, 30, 30), 30, 40), Area(Auc(0.6, 0.01, 30, 30), 50, 30)
    found = against_the_others(one, [two])
    spread = np.array([0.01 / 0.16**2, 0.01 / 0.24**2])
    freedom = spread.sum() ** 2 / (spread**2 / 29).sum()
    t = (np.log(0.8 / 0.2) - np.log(0.6 / 0.4)) / np.sqrt(spread.sum())
    assert found.p_value == pytest.approx(2 * stats.t.sf(t, freedom)) and found.higher and found.others == 0.6
    assert two_sided(Rate(3, 4), Rate(1, 4)) == pytest.approx(0.4857, abs=1e-4)  # Fisher's tea
    assert against_the_others(one, []) is None
    certain = against_the_others(Area(Auc(1.0, 0.0, 30, 30), 30, 30), [Area(Auc(0.99, 0.0001, 30, 30), 30, 30)])
    assert certain.p_value > 0.2, "thirty pairs that agree are hardly more than thirty of which nearly all do"


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
