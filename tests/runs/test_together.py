"""One test for a whole audit: a run's findings corrected over its stored scores, in its folder and opened again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import divulge
from divulge.core.results.finding import Verdict
from divulge.core.results.policy import Policy
from divulge.runs.folder import RunFolder
from divulge.runs.gate import judge
from divulge.runs.result import open_run
from divulge.runs.together import corrected, split_of
from divulge.stats.many.multiplicity import holm

ATTACKS = ["loss", "entropy", "confidence", "attack_p", "rmia", "learned_ratio"]


def table(lift, seed=0, half=False, records=160, models=9):
    rng = np.random.default_rng(seed)
    keep = rng.random((models, records)) < 0.5
    if half:
        keep = np.argsort(np.argsort(rng.random((models - 1, records)), axis=0), axis=0) < (models - 1) // 2
    y = rng.integers(0, 3, records)
    logits = rng.normal(size=(len(keep), records, 3))
    logits[:, np.arange(records), y] += 1 + lift * keep
    return divulge.ScoreTable(logits, None, keep, y)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    return divulge.audit(table(1.5), attacks=ATTACKS, out=tmp_path_factory.mktemp("runs") / "leaky", seed=3)


def test_a_run_is_corrected_by_one_test_and_says_so(leaky):
    found = [f for f in leaky.findings if f.p_adjusted is not None]
    assert {f.correction for f in found} == {f"max-T over {len(found)} findings"}
    assert all(f.p_adjusted >= f.p_value - 1e-12 for f in found)
    leaks = [f for f in found if f.verdict is Verdict.LEAK and f.metric == "auc"]
    assert leaks and all(0.5 < f.low_all < f.low for f in leaks)
    assert "over all attacks" in leaks[0].reason
    assert (holm([f.p_value for f in found]) <= 0.05).sum() <= sum(f.p_adjusted <= 0.05 for f in found)


def test_the_folder_keeps_the_corrections_and_without_them_they_are_the_same(leaky, monkeypatch):
    run = RunFolder(leaky.folder)
    kept = run.corrections()
    with monkeypatch.context() as patch:
        patch.setattr("divulge.runs.together._chance", lambda *_: pytest.fail("splits were drawn again"))
        assert open_run(leaky.folder).findings == tuple(leaky.findings)
    (leaky.folder / "corrections.json").unlink()
    sums = leaky.folder / "SHA256SUMS"
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if "corrections.json" not in line))
    monkeypatch.setattr("divulge.runs.together._known", {})
    assert open_run(leaky.folder).findings == tuple(leaky.findings)
    assert not (leaky.folder / "corrections.json").exists()  # reading a run writes nothing
    run.write_corrections(kept)


def test_another_policy_and_other_findings_are_corrected_anew(leaky):
    strict = Policy(thresholds={"auc": 0.9})
    assert judge(leaky.folder, strict).policy == strict
    run = RunFolder(leaky.folder)
    measured = list(leaky.findings)
    all_of_them = corrected(run, measured, Policy(), bounds=True)
    fewer = corrected(run, [f for f in measured if f.attack == "loss"], Policy(), bounds=True)
    assert fewer.key != all_of_them.key and fewer.level > all_of_them.level


def test_a_run_that_goes_on_ends_as_one_that_was_never_interrupted(leaky, tmp_path):
    folder = tmp_path / "resumed"
    first = divulge.audit(table(1.5), attacks=ATTACKS, out=folder, seed=3)
    for name in ("rmia", "loss"):
        (first.folder / "outcomes" / f"{name}.json").unlink()
        (first.folder / "evidence" / f"{name}.parquet").unlink()
    for name in ("corrections", "complete"):
        (first.folder / f"{name}.json").unlink()
    again = divulge.audit(table(1.5), attacks=ATTACKS, resume=first.folder, seed=3)
    assert [f.p_adjusted for f in again.findings] == [f.p_adjusted for f in leaky.findings]
    assert [f.low_all for f in again.findings] == [f.low_all for f in leaky.findings]


def test_nothing_is_found_where_nothing_leaks(tmp_path):
    run = divulge.audit(table(0.0, seed=4), attacks=ATTACKS, out=tmp_path / "quiet", seed=3)
    assert all(f.verdict is not Verdict.LEAK for f in run.findings)


def test_shadow_models_that_tell_who_was_a_member_are_no_ground_for_drawing_anew(tmp_path):
    """Each record is in exactly half of all models, the target among them."""
    run = divulge.audit(table(1.5, half=True), attacks=["loss", "rmia"], out=tmp_path / "half", seed=3)
    told = {f.attack: f.bound_to_labels for f in run.findings}
    assert told["loss"] == "" and "number of shadow models" in told["rmia"]
    assert "Holm over" in run.findings[0].correction and "max-T over" in run.findings[0].correction


def frame(members, others, y=None, **columns):
    member = np.arange(members + others) < members
    row = np.where(member, np.arange(members + others), np.arange(members + others) - members)
    score = np.random.default_rng(0).normal(size=len(row))
    return pd.DataFrame({"member": member, "row": row, "y": 0 if y is None else y, "score": score, **columns})


def test_units_are_persons_where_it_is_known_whose_the_records_are():
    split, ranked = split_of({"loss": frame(30, 20, person=np.repeat(np.arange(10), 5))}, 1)
    assert len(split.member) == 10 and split.member.sum() == 6
    assert len(ranked["loss"].places) == 10


def test_an_attack_on_some_records_makes_them_a_stratum():
    every = frame(20, 20)
    split, ranked = split_of({"all": every, "some": every[every["row"] < 8]}, 1)
    assert len(ranked["some"].places) == 16 and len(np.unique(split.stratum)) == 2
    assert (np.bincount(split.stratum)[split.stratum[ranked["some"].places]] == 16).all()
    assert split.member[ranked["some"].places].sum() == 8


def test_a_split_by_class_is_drawn_anew_by_class_and_one_that_is_not_is_not():
    even = np.tile([0, 1], 30)
    assert len(np.unique(split_of({"loss": frame(30, 30, even)}, 1, by_class=True)[0].stratum)) == 2
    uneven = np.append(np.arange(30) % 3 == 0, np.arange(30) % 2 == 0)
    assert len(np.unique(split_of({"loss": frame(30, 30, uneven.astype(int))}, 1, by_class=True)[0].stratum)) == 1
    assert len(np.unique(split_of({"loss": frame(30, 30, even)}, 1)[0].stratum)) == 1
    alone = np.arange(60)  # classes of one record each say nothing of how the split was drawn
    assert len(np.unique(split_of({"loss": frame(30, 30, alone)}, 1, by_class=True)[0].stratum)) == 1


def test_the_order_of_units_knows_nothing_of_who_was_a_member():
    member = split_of({"loss": frame(200, 200)}, 1)[0].member
    assert 70 < member[:200].sum() < 130
