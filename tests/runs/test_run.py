"""The run store: order, resumption, refusal, failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from tests import forked

import divulge
from divulge.core.results.audit_result import SCHEMA_VERSION
from divulge.core.results.finding import Failed, Played, Refused, Verdict
from divulge.runs import index
from divulge.runs.folder import RunFolder

PROGRAM = textwrap.dedent(
    """
    import sys, time
    from sklearn.datasets import load_breast_cancer
    from sklearn.tree import DecisionTreeClassifier
    import numpy as np
    from divulge.setup.assemble import job_from_records
    from divulge.setup.sources.recipes_from import recipe_for
    from divulge.setup.sources.records_from import records_from
    from divulge.setup.settings import Options
    from divulge.setup.sources.targets_from import target_from
    from divulge.workflows.run_audit import run_audit
    from divulge.core.progress import Quiet
    from pathlib import Path

    NAMES = ["confidence", "correctness", "entropy", "gap", "learned_ratio", "lira", "loss", "rmia"]
    folder, resume, slow = Path(sys.argv[1]), sys.argv[2] == "resume", float(sys.argv[3])
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    a, b, c = order[:200], order[200:400], order[400:]
    model = DecisionTreeClassifier(min_samples_leaf=2, random_state=0).fit(x[a], y[a])
    target = target_from(model)
    job = job_from_records(
        target, records_from(target, (x[a], y[a]), (x[b], y[b]), (x[c], y[c])),
        Options(attacks=NAMES, seed=5, name="killed"), recipe=recipe_for("auto", model, target))

    class Slow(Quiet):
        def outcome(self, outcome):
            print(outcome.attack, flush=True)
            time.sleep(slow)

    run_audit(job, folder, resume=resume, progress=Slow())
    """
)


def begin(tmp_path, folder, resume, slow):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, str(program), str(folder), resume, str(slow)], stdout=subprocess.PIPE, text=True
    )


def finish(folder, resume):
    done = forked.run(["-c", PROGRAM, str(folder), resume, "0"])
    assert done.returncode == 0, done.stderr


def comparable(folder):
    """findings.json without what time alone decides."""
    content = json.loads((folder / "findings.json").read_text())
    for finding in content["findings"]:
        del finding["seconds"]
    del content["run"]
    return content


def test_kill_minus_nine_and_resume(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    finish(whole, "new")
    with begin(tmp_path, cut, "new", 0.4) as process:
        told = [process.stdout.readline().strip() for _ in range(3)]
        process.send_signal(signal.SIGKILL)
    made = {p.stem: p.stat().st_mtime_ns for p in (cut / "outcomes").glob("*.json")}
    assert set(told) <= set(made) and 3 <= len(made) < 8
    assert not json.loads((cut / "findings.json").read_text())["complete"]
    assert divulge.Run.open(cut).result.complete is False

    finish(cut, "resume")
    after = {p.stem: p.stat().st_mtime_ns for p in (cut / "outcomes").glob("*.json")}
    assert len(after) == 8
    assert all(after[name] == stamp for name, stamp in made.items()), "a finding was made twice"
    assert comparable(cut) == comparable(whole)


def test_a_run_of_another_job_is_not_resumed(tmp_path, halves, careful_model):
    x, y, u, v = halves
    from divulge.setup.assemble import job_from_records
    from divulge.setup.settings import Options
    from divulge.setup.sources.records_from import records_from
    from divulge.setup.sources.targets_from import target_from
    from divulge.workflows.run_audit import run_audit

    def job(seed):
        target = target_from(careful_model)
        return job_from_records(
            target,
            records_from(target, (x, y), (u, v)),
            Options(attacks=["loss"], seed=seed),
        )

    run_audit(job(1), tmp_path / "r")
    with pytest.raises(divulge.InputError, match="is a run of another job"):
        run_audit(job(2), tmp_path / "r", resume=True)
    with pytest.raises(divulge.InputError, match="already holds a run"):
        run_audit(job(1), tmp_path / "r")


def test_equal_seeds_give_equal_findings_in_any_order_of_attacks(tmp_path, halves, careful_model):
    x, y, u, v = halves
    names = ["loss", "confidence", "gap"]
    first = divulge.audit(careful_model, (x, y), (u, v), attacks=names, seed=3, out=tmp_path / "a")
    second = divulge.audit(careful_model, (x, y), (u, v), attacks=names[::-1], seed=3, out=tmp_path / "b")
    values = [{(f.attack, f.metric): (f.value, f.low, f.p_adjusted) for f in r.findings} for r in (first, second)]
    assert values[0] == values[1]


@dataclass(frozen=True)
class Crashing:
    card: ClassVar[divulge.Card] = divulge.Card(
        name="crashing",
        title="Crashing",
        family=divulge.Family.MEMBERSHIP,
        asset=divulge.Asset.MEMBERSHIP,
        paper="none",
        equations="none",
        summary="breaks off",
        needs=divulge.Needs(divulge.Access.LABEL),
    )

    def run(self, view):
        raise ZeroDivisionError("of all things")


class Greedy(Crashing):
    def run(self, view):
        return divulge.MembershipGuess(view.target.log_scores(view.candidates)[:, 0])


class Nosy(Crashing):
    def run(self, view):
        return divulge.MembershipGuess(view.population.y)


class Short(Crashing):
    def run(self, view):
        return divulge.MembershipGuess(np.zeros(3))


class Undecided(Crashing):
    def run(self, view):
        return divulge.MembershipGuess(np.full(len(view.candidates), np.nan))


@pytest.mark.parametrize(
    ("attack", "kind", "message"),
    [
        (Crashing(), Failed, "ZeroDivisionError: of all things"),
        (Greedy(), Refused, "scores are not granted here"),
        (Nosy(), Refused, "the attack's card does not ask to know records from the same population"),
        (Short(), Failed, r"scores of shape (3,) for 400 candidates"),
        (Undecided(), Failed, "NaN or infinite"),
    ],
    ids=lambda p: getattr(p, "__name__", type(p).__name__),
)
def test_an_attack_that_misbehaves_does_not_stop_the_others(tmp_path, halves, careful_model, attack, kind, message):
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), attacks=[attack, "loss"], out=tmp_path / "r")
    outcomes = {o.attack: o.result for o in run.outcomes}
    assert isinstance(outcomes["crashing"], kind)
    text = outcomes["crashing"].error if kind is Failed else outcomes["crashing"].reason
    assert message in text and "\n" not in text
    assert isinstance(outcomes["loss"], Played)


def test_a_model_that_crashes_on_some_records_is_a_failed_finding(tmp_path, halves):
    x, y, u, v = halves
    calls = []

    def model(batch):
        calls.append(len(batch))
        if len(calls) > 3:
            raise RuntimeError("out of memory")
        return np.full((len(batch), 2), 0.5)

    run = divulge.audit(model, (x, y), (u, v), recipe=None, attacks=["loss", "gap"], out=tmp_path / "r")
    results = [o.result for o in run.outcomes]
    assert all(isinstance(r, Played | Failed) for r in results)


def test_the_budget_refuses_rather_than_overspends(tmp_path, halves, careful_model):
    x, y, u, v = halves
    threat = divulge.PRESETS["mlaas"].with_budget(399)
    run = divulge.audit(careful_model, (x, y), (u, v), threat=threat, attacks=["loss"], out=tmp_path / "r")
    (outcome,) = run.outcomes
    assert isinstance(outcome.result, Refused) and "400 more queries are needed" in outcome.result.reason
    assert run.verdict is Verdict.NOT_EXAMINED


def test_an_adversary_who_sees_labels_only(tmp_path, halves, careful_model):
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), threat="label-only", out=tmp_path / "r")
    played = {o.attack for o in run.outcomes if isinstance(o.result, Played)}
    assert "correctness" in played and "loss" not in played
    reasons = {o.attack: o.result.reason for o in run.outcomes if isinstance(o.result, Refused)}
    assert reasons["loss"] == "it needs scores, and the label-only adversary sees only labels"


def test_without_a_recipe_controls_are_said_to_be_impossible(tmp_path, halves, careful_model):
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), recipe=None, attacks=["loss", "confidence"], out=tmp_path / "r")
    results = {o.attack: o.result for o in run.outcomes}
    assert "no recipe is known" in results["loss"].note
    assert isinstance(results["confidence"], Refused)
    assert "Controls were not possible" in run.report(tmp_path / "r.md").read_text()


def test_damaged_and_foreign_folders(tmp_path, halves, careful_model):
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), attacks=["loss"], out=tmp_path / "r")
    with pytest.raises(divulge.InputError, match="is not a run"):
        divulge.Run.open(tmp_path)
    facts = run.folder / "run.json"
    content = facts.read_text()
    facts.write_text(content.replace(f'"schema_version": {SCHEMA_VERSION}', '"schema_version": 99'))
    with pytest.raises(divulge.InputError, match="schema version 99"):
        divulge.Run.open(run.folder)
    facts.write_text(content[:50])
    with pytest.raises(divulge.InputError, match="damaged"):
        divulge.Run.open(run.folder)


def test_the_index_knows_every_run(tmp_path, halves, careful_model):
    x, y, u, v = halves
    for name in ("one", "two"):
        divulge.audit(careful_model, (x, y), (u, v), attacks=["loss"], name=name, out=tmp_path / name)
    rows = index.runs(tmp_path)
    assert {r.name for r in rows} == {"one", "two"} and all(r.complete for r in rows)


def test_scores_are_kept_in_the_order_in_which_records_were_given(tmp_path, halves, careful_model):
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), attacks=["loss"], out=tmp_path / "r")
    frame = run.scores("loss")
    p = careful_model.predict_proba(x)[np.arange(len(y)), y]
    members = frame[frame["member"]]
    assert members["row"].tolist() == list(range(len(x)))
    np.testing.assert_allclose(members["score"], np.log(p), atol=1e-6)


def test_files_never_appear_half_written(tmp_path, monkeypatch):
    from divulge.core.results.audit_result import Baseline
    from divulge.runs.files import whole_files as store

    folder = RunFolder(tmp_path)
    folder.write_baseline(Baseline(missing="first"))
    monkeypatch.setattr(store.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("power cut")))
    with pytest.raises(OSError, match="power cut"):
        folder.write_baseline(Baseline(missing="second"))
    monkeypatch.undo()
    assert folder.baseline().missing == "first"
    assert os.path.exists(tmp_path / "baseline.json")


def test_time_does_not_stand_in_the_job(tmp_path, halves, careful_model):
    x, y, u, v = halves
    runs = []
    for name in ("a", "b"):
        runs.append(divulge.audit(careful_model, (x, y), (u, v), attacks=["loss"], out=tmp_path / name))
        time.sleep(0.01)
    assert runs[0].result.facts.job == runs[1].result.facts.job


@dataclass(frozen=True)
class Wanting:
    """An attack that needs a library; which one it is decides what becomes of it."""

    module: str = "torch"

    card: ClassVar[divulge.Card] = divulge.Card(
        name="wanting",
        title="Wanting",
        family=divulge.Family.MEMBERSHIP,
        asset=divulge.Asset.MEMBERSHIP,
        paper="yeom2018",
        equations="none",
        summary="imports what is not there",
        needs=divulge.Needs(divulge.Access.SCORES),
    )

    def run(self, view):
        raise ModuleNotFoundError(f"No module named {self.module!r}", name=self.module)


@pytest.mark.parametrize(("module", "kind"), [("torch", Refused), ("somebodys_own", Failed)])
def test_an_attack_without_its_library_is_refused_with_the_cure(tmp_path, halves, careful_model, module, kind):
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), attacks=[Wanting(module), "loss"], out=tmp_path / "r")
    results = {o.attack: o.result for o in run.outcomes}
    assert isinstance(results["wanting"], kind) and isinstance(results["loss"], Played)
    if kind is Refused:
        assert 'pip install "divulge[torch]"' in results["wanting"].reason
