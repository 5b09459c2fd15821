"""The next training: models of the pool are attacked as the target was, and a model of another recipe lies outside."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.results.finding import Verdict
from divulge.core.results.forecasts import Foretold
from divulge.core.results.trials import Scored
from divulge.core.signals import log_of_scores
from divulge.explain.next_model import retrained, seconds_of
from divulge.report.sections import outlook
from divulge.runs.derived.screened import LIRA
from divulge.setup.from_table import job_from_table
from divulge.setup.settings import Options
from divulge.stats.auc import auc

POOL = 8


@pytest.fixture(scope="module")
def table():
    """A target and eight models in pairs: trees on halves of 200 records, half of whose labels are noise."""
    x, y = make_classification(200, 5, flip_y=0.5, random_state=0)
    rng = np.random.default_rng(0)
    keep = np.zeros((POOL + 1, 200), dtype=bool)
    keep[0, rng.permutation(200)[:100]] = True
    for pair in range(POOL // 2):
        keep[1 + 2 * pair, rng.permutation(200)[:100]] = True
        keep[2 + 2 * pair] = ~keep[1 + 2 * pair]
    models = [DecisionTreeClassifier(max_depth=4, random_state=0).fit(x[half], y[half]) for half in keep]
    return divulge.ScoreTable(log_of_scores(np.array([m.predict_proba(x) for m in models])), None, keep, y)


def audited(table, folder, **options):
    return divulge.audit(table, threat="mlaas", out=folder, cache=False, **options)


def test_each_model_of_the_pool_is_attacked_as_the_target_was(table):
    """Of the loss attack what is reached is the AUC of the model's own losses, which needs no replay."""
    job = job_from_table(table, Options(attacks=["loss"], name="by hand"))
    reached = [each["auc"] for each in retrained(job, "loss", POOL)]
    trial = np.arange(200)
    own = table.logits[:, trial, table.y] - np.log(np.exp(table.logits).sum(axis=2))
    by_hand = [auc(Scored(own[row], table.keep[row], trial, trial)).value for row in (1, 3, 5, 7)]
    assert reached == pytest.approx(by_hand, abs=0.01)


def test_a_model_is_attacked_without_its_pair(table, monkeypatch):
    """A model's pair tells all about it: LiRA with it among the references would see who is missing there."""
    from divulge.explain import next_model

    asked = []

    class Watched(next_model.Rest):
        def signals(self, records, signal_of):
            asked.append(self.models)
            return super().signals(records, signal_of)

    monkeypatch.setattr(next_model, "Rest", Watched)
    retrained(job_from_table(table, Options(attacks=["lira"], name="pairs")), "lira", POOL)
    assert set(asked) == {tuple(m for m in range(8) if m // 2 != pair) for pair in range(4)}


def test_a_run_tells_of_the_next_training_in_result_report_and_json(table, tmp_path):
    run = audited(table, tmp_path / "run", attacks=["loss", "lira"])
    told = {(each.attack, each.metric): each for each in run.result.next_model}
    area = told["loss", "auc"]
    assert area.trainings == 4 and area.next.low < area.least <= area.most < area.next.high
    assert area.this.value == next(f.value for f in run.findings if f.attack == "loss" and f.metric == "auc")
    report = run.report(tmp_path / "r.md", format="md").read_text()
    assert "the next training" in report and "Before any reference model is trained" in report
    page = run.report(tmp_path / "r.html").read_text()
    assert "The next training" in page
    content = json.loads(run.report(tmp_path / "r.json", format="json").read_text())
    assert len(content["next_model"]) == len(told) and content["screen"][0]["rate"] == 0.1
    assert divulge.Run.open(tmp_path / "run").result.next_model == run.result.next_model


def test_a_model_that_knows_far_more_than_its_retrainings_lies_outside(table, tmp_path):
    by_heart = table.logits.copy()
    own = np.where(table.keep[0], table.y, 1 - table.y)
    by_heart[0] = np.where(np.arange(2) == own[:, None], 0.0, -9.0)
    odd = divulge.ScoreTable(by_heart, None, table.keep, table.y)
    run = audited(odd, tmp_path / "run", attacks=["loss", "lira"])
    assert [each.unlike for each in run.result.next_model if (each.attack, each.metric) == ("loss", "auc")] == [True]
    assert outlook.UNLIKE in run.report(tmp_path / "r.md", format="md").read_text()


def test_three_pairs_foretell_nothing(table, tmp_path):
    few = divulge.ScoreTable(table.logits[:7], None, table.keep[:7], table.y)
    assert audited(few, tmp_path / "run", attacks=["loss", "lira"]).result.next_model == ()


def test_models_that_are_no_pairs_foretell_nothing(table, tmp_path):
    keep = table.keep.copy()
    keep[2, 0] = keep[1, 0]
    other = divulge.ScoreTable(table.logits, None, keep, table.y)
    assert audited(other, tmp_path / "run", attacks=["loss", "lira"]).result.next_model == ()


def test_the_screen_stands_beside_what_was_measured_and_decides_nothing(table, tmp_path):
    run = audited(table, tmp_path / "run", attacks=["loss", "lira"])
    (line, *_) = run.result.screen
    found = next(f for f in run.findings if f.attack == LIRA and f.metric == "tpr_at_fpr_0.1")
    assert line.rate == 0.1 and line.lira.value == line.strongest.value == found.value and line.attack == LIRA
    alone = audited(table, tmp_path / "alone", attacks=["loss"])
    assert alone.result.screen[0].lira is None and alone.result.screen[0].foretold == line.foretold
    assert {f.metric for f in alone.findings} >= {"auc"} and not any("screen" in f.metric for f in alone.findings)


def test_a_low_screen_is_no_all_clear(table, tmp_path):
    """Fifteen records foretell nothing and are not measurable; the screen has no verdict to give."""
    few = divulge.ScoreTable(table.logits[:, :30], None, table.keep[:, :30], table.y[:30])
    run = audited(few, tmp_path / "run", attacks=["loss"])
    assert run.verdict is not Verdict.NOT_FOUND
    assert not any(field.startswith("verdict") for field in Foretold.__dataclass_fields__)


def test_a_run_that_goes_on_says_it_of_the_attacks_that_are_then_the_strongest(table, tmp_path):
    """What was told of other attacks is told anew; what was told of the same ones is left."""
    run = audited(table, tmp_path / "run", attacks=["loss", "lira"])
    told = tmp_path / "run" / "next_model.json"
    right, others = told.read_text(), json.loads(told.read_text())
    told.write_text(json.dumps([each | {"attack": "rmia"} for each in others]))
    (tmp_path / "run" / "SHA256SUMS").unlink()  # the checksums of what was there before
    audited(table, None, attacks=["loss", "lira"], resume=tmp_path / "run")
    assert json.loads(told.read_text()) == json.loads(right)
    assert run.result.next_model


def test_no_time_is_spent_that_there_is_not(table):
    job = job_from_table(table, Options(attacks=["loss", "lira"], name="in a hurry"))
    assert seconds_of(job, ["loss", "lira"]) == pytest.approx(8 * (2.0 + 2.0) * 200 / 10_000)
