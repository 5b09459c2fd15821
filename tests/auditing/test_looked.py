"""What an audit says, and how its command ends, when it could not look."""

from __future__ import annotations

import os

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

import divulge
from divulge.cli.app import app
from divulge.core.results.finding import Verdict
from divulge.core.threat import Family
from divulge.report import words
from divulge.report.formats import markdown
from divulge.runs.gate import judge


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4))
    y = (x[:, 0] + rng.normal(size=600) > 0).astype(int)
    return (x[:300], y[:300]), (x[300:], y[300:])


@pytest.fixture(scope="module")
def careful(sets):
    return LogisticRegression().fit(*sets[0])


def broken(x, y, seed):
    raise RuntimeError("the licence has run out")


def test_weak_attacks_do_not_speak_for_strong_ones_that_failed(careful, sets, tmp_path):
    attacks = ["loss", "rmia", "lira", "attack_r", "bavaria"]
    run = divulge.audit(careful, *sets, recipe=broken, attacks=attacks, shadows=4, out=tmp_path / "r")
    assert run.verdict is Verdict.FAILED and run.verdicts["membership"] is Verdict.FAILED
    title = "4 of 5 attacks failed, so this audit says nothing about membership"
    assert words.headline(run.result) == title
    assert f"! **Membership: failed.** {title}." in "\n".join(markdown.render(run.result).splitlines()[:8])
    assert judge(run.folder).exit_code == 3


def test_an_audit_in_which_everything_failed_has_failed(sets, tmp_path):
    asked = []

    def model(x):
        asked.append(x)
        if len(asked) > 20:  # the handshake is over
            raise ValueError("no such column")
        return np.column_stack([x[:, 0] < 0, x[:, 0] >= 0]) * 0.8 + 0.1

    attacks = ["label_only_noise", "boundary_distance"]
    run = divulge.audit(model, *sets, recipe=None, attacks=attacks, out=tmp_path / "r")
    assert run.verdict is Verdict.FAILED and judge(run.folder).exit_code == 3
    assert set(run.verdicts.values()) == {Verdict.FAILED, Verdict.NOT_EXAMINED}
    assert words.headline(run.result) == "All 2 attacks failed, so this audit says nothing about membership"


def test_what_was_asked_for_alone_is_not_found_though_it_is_narrow(careful, sets, tmp_path):
    run = divulge.audit(careful, *sets, attacks=["loss"], out=tmp_path / "r")
    assert run.verdicts == {
        "membership": Verdict.NOT_FOUND,
        "reconstruction": Verdict.NOT_EXAMINED,
        "property": Verdict.NOT_EXAMINED,
        "extraction": Verdict.NOT_EXAMINED,
    }
    assert judge(run.folder).exit_code == 0


def test_a_family_that_was_asked_for_and_could_not_be_examined_leaves_the_audit_incomplete(careful, sets, tmp_path):
    run = divulge.audit(careful, *sets, attacks=["loss", "attribute_learned"], out=tmp_path / "r")
    assert run.verdict is Verdict.NOT_FOUND and run.verdicts["reconstruction"] is Verdict.NOT_EXAMINED
    judgment = judge(run.folder)
    assert judgment.exit_code == 3 and "reconstruction was not examined" in judgment.incomplete[0]


def test_nothing_played_is_nothing_examined(careful, sets, tmp_path):
    run = divulge.audit(careful, *sets, attacks=["lira"], recipe=None, out=tmp_path / "r")
    assert run.verdict is Verdict.NOT_EXAMINED and judge(run.folder).exit_code == 3
    assert words.headline(run.result) == "Membership was not examined"


def test_classes_in_another_order_than_the_labels_are_a_fault_and_no_all_clear(sets, tmp_path):
    rng = np.random.default_rng(1)
    noisy = rng.integers(0, 2, 300), rng.integers(0, 2, 300)
    tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=0).fit(sets[0][0], noisy[0])

    def swapped(x):
        return tree.predict_proba(x)[:, ::-1]

    members, others = (sets[0][0], noisy[0]), (sets[1][0], noisy[1])
    run = divulge.audit(swapped, members, others, recipe=None, attacks=["loss"], out=tmp_path / "r")
    assert run.verdict is Verdict.INVALID and judge(run.folder).exit_code == 3
    (line,) = words.lines(run.result)
    assert line.title == "The audit is invalid: the model does not answer as the one that was trained"
    assert "swapped" in line.text or "other" in line.text


def test_scores_of_the_wrong_sign_are_a_fault_and_no_all_clear(tmp_path):
    rng = np.random.default_rng(0)
    keep = np.arange(400)[None] < 200
    scores = rng.normal(size=(1, 400)) - 0.7 * keep
    table = divulge.ScoreTable(None, scores, keep, np.zeros(400, int))
    run = divulge.audit(table, attacks=["loss"], out=tmp_path / "r")
    assert run.verdict is Verdict.INVALID and judge(run.folder).exit_code == 3
    (line,) = words.lines(run.result)
    assert line.title == "The audit is invalid: an attack does worse than chance"
    assert "less often than chance (AUC 0." in line.text and "order of the classes" in line.text


def test_a_leak_by_any_metric_tells_who_is_at_risk(tmp_path):
    """The scores of members are narrower, so that the AUC is a half and the lowest scores are of others alone."""
    rng = np.random.default_rng(3)
    keep = np.arange(2000)[None] < 1000
    scores = rng.normal(size=(1, 2000)) * np.where(keep, 0.5, 1.5) + 0.06 * keep
    run = divulge.audit(
        divulge.ScoreTable(None, scores, keep, np.zeros(2000, int)), attacks=["loss"], out=tmp_path / "r"
    )
    leaks = {f.metric for f in run.findings if f.verdict is Verdict.LEAK}
    assert leaks and "auc" not in leaks
    assert len(run.risk()) == 1000 and run.result.at_risk
    line = words.line_of_family(run.result, Family.MEMBERSHIP)
    assert line.verdict is Verdict.LEAK and "picks the member" not in line.text


def test_the_command_ends_with_3_where_there_are_too_few_records(tmp_path, sets):
    import joblib
    import pandas as pd

    tree = DecisionTreeClassifier(random_state=0).fit(pd.DataFrame(sets[0][0], columns=list("abcd")), sets[0][1])
    joblib.dump(tree, tmp_path / "model.joblib")
    for name, (x, y) in zip(("members", "nonmembers"), sets, strict=True):
        pd.DataFrame(x, columns=list("abcd")).assign(out=y)[:1].to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "audit.yaml").write_text(
        "target: {kind: sklearn, path: model.joblib, trust: true}\n"
        "data: {members: members.csv, nonmembers: nonmembers.csv, target: out}\nrecipe: {kind: none}\nattacks: [loss]\n"
    )
    done = CliRunner().invoke(app, ["audit", str(tmp_path / "audit.yaml"), "--out", str(tmp_path / "runs")])
    assert done.exit_code == 3
    assert "Membership could not be measured" in done.output and "members and as many non-members" in done.output
    assert os.listdir(tmp_path / "runs")
