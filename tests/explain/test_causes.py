"""Why it leaks: planted traits of the named members are told, and nothing is told where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.results.finding import Verdict
from divulge.data.arrays import from_arrays
from divulge.explain.causes import _p_value, share_without
from divulge.explain.neighborhood import neighborhood
from divulge.explain.stability import Retrained, stability


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


def test_records_that_their_neighbors_contradict_are_named_as_the_cause(run):
    assert run.verdict is Verdict.LEAK
    found = {c.name: c for c in run.result.causes}
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
    assert quiet.result.causes == ()


def test_traits_by_lot_are_hardly_ever_telling():
    rng = np.random.default_rng(1)
    rejected = [_p_value(rng.random(500) < 0.2, rng.random(500) < 0.1) <= 0.05 for _ in range(400)]
    assert np.mean(rejected) <= 0.075


def test_neighbors_by_hand():
    (records,) = from_arrays([(np.array([[0.0], [1], [2], [3], [4], [5], [100]]), [0, 0, 0, 1, 1, 1, 0])])
    around = neighborhood(records)
    assert around.outlier_rank.argmax() == 6 and around.disagree[0] == 3 / 5 and around.disagree[5] == 3 / 5
    assert (around.copies == 1).all()
    assert around.words(0) == ["3 of the 5 records most like it are of another class"]


def test_copies_are_counted():
    (records,) = from_arrays([(np.array([[0.0], [0], [0], [3], [4], [5], [6]]), [0, 0, 1, 1, 1, 1, 1])])
    around = neighborhood(records)
    assert around.copies.tolist() == [2, 2, 1, 1, 1, 1, 1], "a copy has the same class"
    assert "occurs 2 times" in around.words(0)


def test_of_many_records_neighbors_are_looked_for_among_some(monkeypatch):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(400, 2))
    x[:, 0] += 4 * (np.arange(400) % 2)
    y = (np.arange(400) % 2).tolist()
    y[7], x[11] = 0, 100
    (records,) = from_arrays([(x, y)])
    whole = neighborhood(records)
    monkeypatch.setattr("divulge.explain.neighborhood.MOST_AMONG", 200)
    some = neighborhood(records)
    assert (whole.among, some.among) == (0, 200)
    assert np.corrcoef(whole.outlier_rank, some.outlier_rank)[0, 1] > 0.8
    assert some.outlier_rank[11] == (399 / 400) and some.disagree[7] > 0.5
    assert "among 200 drawn at random" in some.words(7)[0]
    monkeypatch.setattr("divulge.explain.neighborhood.MOST_AMONG", 400)
    assert (neighborhood(records).disagree == whole.disagree).all()


def test_the_share_of_the_leak_that_a_trait_accounts_for(run):
    """Nearly all of the advantage comes from records whose neighbours contradict them; none from rare classes."""
    found = {c.name: c.share for c in run.result.causes}
    assert found["most similar records have another class"] > 0.3
    assert found["of a class with less than half of its fair share"] == 0


def test_what_if_the_model_were_trained_otherwise(run):
    found = {w.name: w for w in run.result.what_if}
    assert set(found) >= {"generalisation gap", "capacity for so few records"}
    assert "number of classes" not in found, "two classes cannot be merged"
    gap = found["generalisation gap"]
    assert gap.share > 0.9, "a tree is right on all of its records: right or wrong is all there is to see"
    assert "100 % of the members" in gap.measured
    assert all(0 <= w.share <= 1 and w.before_error >= 0 for w in found.values())
    assert "Why does it leak?" in run.report().read_text()


def test_the_risk_of_every_member_is_kept(run, tmp_path):
    risk = run.risk()
    assert len(risk) == 1000 and risk["row"].tolist() == list(range(1000))
    assert (risk["trainings"] == 4).all() and risk["named"].between(0, 4).all()
    assert ((risk["low"] <= risk["named"] / 4) & (risk["named"] / 4 <= risk["high"])).all()
    written = run.report(tmp_path / "risk.csv").read_text().splitlines()
    assert len(written) == 1001 and written[0].startswith("row,y,named,trainings,low,high")


def test_members_that_other_trainings_expose_come_first(run):
    listed = run.result.at_risk
    assert listed[0].named >= listed[-1].named and listed[0].trainings == 4
    steady = run.result.stability
    assert steady.trainings == 4 and steady.low <= steady.again <= steady.high
    assert steady.again > 2 * steady.anybody, "wrong labels are learned by heart whenever they are trained on"


def test_stability_by_hand():
    """Of 10 members one is exposed by all of 4 trainings and one by 2: again = (4 3 + 2 1) / (4 3 + 2 3)."""
    named = np.zeros((4, 10), dtype=bool)
    named[:, 0] = True
    named[:2, 1] = True
    told = stability(Retrained(named, np.ones_like(named), 0.01), 0.95)
    assert told.again == pytest.approx(14 / 18) and told.anybody == pytest.approx(6 / 40)
    assert stability(Retrained(named[:2], np.ones_like(named[:2]), 0.01), 0.95) is None, "two trainings are too few"
    assert stability(Retrained(np.zeros_like(named), np.ones_like(named), 0.01), 0.95) is None


def test_a_risk_by_lot_is_no_more_stable_than_chance():
    rng = np.random.default_rng(2)
    told = [
        stability(Retrained(rng.random((8, 500)) < 0.1, np.ones((8, 500), dtype=bool), 0.01), 0.95) for _ in range(200)
    ]
    assert np.mean([t.low <= 0.1 <= t.high for t in told]) >= 0.9


def test_a_run_without_a_leak_has_no_risk_by_member(tmp_path, halves, careful_model):
    x, y, u, v = halves
    quiet = divulge.audit(careful_model, (x, y), (u, v), attacks=["loss"], out=tmp_path / "r")
    with pytest.raises(divulge.InputError, match="where a leak was found"):
        quiet.risk()


def test_an_equal_run_explains_itself_at_once_and_alike(tmp_path, monkeypatch):
    """The second run finds the explanation in the cache; the one without a cache works it out and says the same."""
    from divulge.workflows import run_audit

    rng = np.random.default_rng(0)
    x = rng.normal(size=(1200, 4))
    y = ((x[:, 0] > 0) ^ (rng.random(1200) < 0.15)).astype(int)
    model = DecisionTreeClassifier(random_state=0).fit(x[:400], y[:400])
    worked = []
    real = run_audit.causes_of
    monkeypatch.setattr(run_audit, "causes_of", lambda *given: worked.append(1) or real(*given))
    runs = [
        divulge.audit(
            model,
            (x[:400], y[:400]),
            (x[400:800], y[400:800]),
            attacks=["rmia"],
            shadows=8,
            cache=cache,
            out=tmp_path / name,
        )
        for name, cache in (("first", True), ("second", True), ("without", False))
    ]
    assert len(worked) == 2
    for other in runs[1:]:
        assert other.result.causes == runs[0].result.causes and other.result.what_if == runs[0].result.what_if
        assert other.risk().equals(runs[0].risk()) and other.result.stability == runs[0].result.stability


def test_every_format_says_why(run, tmp_path):
    text = run.report(tmp_path / "r.md").read_text()
    assert "## Why does it leak?" in text and "generalisation gap" in text and "check these labels" in text
    assert "## The members most at risk" in text
    assert 'id="causes"' in run.report(tmp_path / "r.html").read_text()


def test_the_interval_of_a_share_holds_the_truth_and_an_irrelevant_trait_accounts_for_nothing():
    """A third of the records leaks; a trait that a tenth has at random leaves the advantage as it is."""
    rng, held, none = np.random.default_rng(0), 0, 0
    for _ in range(200):
        member, leaks, idle = np.arange(600) % 2 == 0, rng.random(600) < 1 / 3, rng.random(600) < 0.1
        score = rng.normal(size=600) + 3.0 * (member & leaks)
        found = share_without(score, member, leaks, 0.05)
        held += found.low <= 1.0 <= found.high
        none += share_without(score, member, idle, 0.05).low == 0
    assert held >= 182 and none >= 182  # binomial(200, 0.95) is below 182 in less than one case of a hundred


def test_where_there_is_no_advantage_no_share_of_it_is_told():
    rng = np.random.default_rng(1)
    told = [
        share_without(rng.normal(size=400), np.arange(400) % 2 == 0, rng.random(400) < 0.1, 0.05) for _ in range(60)
    ]
    assert sum(found is not None for found in told) <= 6
    assert share_without(np.arange(40.0), np.arange(40) >= 20, np.arange(40) < 15, 0.05) is None, "too few are left"


def test_the_error_of_a_share_is_that_of_the_bootstrap():
    rng = np.random.default_rng(2)
    member, has = np.arange(500) % 2 == 0, rng.random(500) < 0.4
    score = rng.normal(size=500) + member * (0.4 + 0.8 * has)
    found = share_without(score, member, has, 0.05)
    again = []
    for _ in range(400):
        rows = np.concatenate([rng.choice(np.flatnonzero(side), side.sum()) for side in (member, ~member)])
        drawn = share_without(score[rows], member[rows], has[rows], 0.05)
        again.append(drawn.value)
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(again), rel=0.15)
