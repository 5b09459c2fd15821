"""The GitHub Action: its steps, run as a runner would run them, but for the installation."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

ROOT = Path(__file__).parent.parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
WORKFLOW = yaml.safe_load((ROOT / "docs" / "examples" / "divulge.yml").read_text())
AUDIT = """
target: {kind: sklearn, path: pipeline.joblib, trust: true}
data: {members: members.csv, nonmembers: nonmembers.csv, target: y}
attacks: [loss, correctness]
"""


@pytest.fixture
def checkout(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(800, 3)), columns=["a", "b", "c"])
    frame["y"] = np.where(frame["a"] + rng.normal(size=800) > 0, "yes", "no")
    frame[:400].to_csv(tmp_path / "members.csv", index=False)
    frame[400:].to_csv(tmp_path / "nonmembers.csv", index=False)
    (tmp_path / "audit.yaml").write_text(AUDIT)

    def fit(estimator):
        model = make_pipeline(StandardScaler(), estimator).fit(frame[:400].drop(columns="y"), frame[:400]["y"])
        joblib.dump(model, tmp_path / "pipeline.joblib")

    return tmp_path, fit


def perform(folder, **inputs):
    """Every step that has a script, with its environment filled in; the exit code of the last, and the outputs."""
    given = {name: told.get("default", "") for name, told in ACTION["inputs"].items()} | inputs
    outputs, summary = folder / "outputs", folder / "summary"
    outputs.write_text("")
    summary.write_text("")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    code = 0
    for step in ACTION["runs"]["steps"]:
        if "run" not in step or step["id"] == "install":
            continue
        told = dict(line.split("=", 1) for line in outputs.read_text().splitlines())

        def filled(text, told=told):
            text = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: given[m[1]], text)
            return re.sub(r"\$\{\{ steps\.audit\.outputs\.(\w+) \}\}", lambda m: told[m[1]], text)

        assert "${{" not in step["run"]  # nothing is pasted into a script
        environment = {name: filled(text) for name, text in step["env"].items()}
        files = {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary), "PATH": path}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **environment, **files}, capture_output=True, text=True
        )
        code = done.returncode
        if code:
            break
    return code, dict(line.split("=", 1) for line in outputs.read_text().splitlines()), summary.read_text(), done


@pytest.mark.slow
def test_a_sound_model_passes_and_leaves_its_papers(checkout):
    folder, fit = checkout
    fit(LogisticRegression())
    code, told, summary, done = perform(folder, audit="audit.yaml", policy="share-inside")
    assert code == 0, done.stdout + done.stderr
    run = folder / told["run"]
    assert (run / "report.sarif").is_file() and (run / "junit.xml").is_file() and (run / "report.html").is_file()
    assert summary.startswith("## Privacy")


@pytest.mark.slow
def test_a_leak_fails_and_so_does_more_than_before(checkout):
    folder, fit = checkout
    fit(LogisticRegression())
    _, before, _, _ = perform(folder, audit="audit.yaml", policy="share-inside")
    kept = (folder / before["run"]).rename(folder / "before")
    fit(DecisionTreeClassifier(min_samples_leaf=2, random_state=0))
    code, told, _, done = perform(folder, audit="audit.yaml", policy="share-inside", before=str(kept))
    assert code == 1, done.stdout + done.stderr
    assert "no-worse-than before" in done.stdout and "thresholds.auc" in done.stdout
    assert (folder / told["run"] / "junit.xml").is_file()


def test_wrong_input_stops_it(checkout):
    folder, _ = checkout
    code, told, _, done = perform(folder, audit="missing.yaml")
    assert code == 2 and told == {} and "no audit file" in done.stderr


def test_an_audit_that_leaves_no_run_is_not_judged_by_another(checkout):
    folder, _ = checkout
    (folder / "slow.py").write_text("import os\nos._exit(0)\n")
    (folder / "audit.yaml").write_text(AUDIT.replace("trust: true", "trust: true, modules: [slow.py]"))
    (folder / "pipeline.joblib").touch()
    other = folder / "divulge-runs" / "20260101-000000-sound"
    other.mkdir(parents=True)
    (other / "run.json").write_text("{}")
    code, told, _, done = perform(folder, audit="audit.yaml")
    assert code == 3 and told == {}, done.stdout + done.stderr


def test_the_workflow_asks_for_what_the_action_gives():
    assert ACTION["runs"]["using"] == "composite"
    (job,) = WORKFLOW["jobs"].values()
    (step,) = [s for s in job["steps"] if s.get("id") == "divulge"]
    assert set(step["with"]) <= set(ACTION["inputs"])
    used = set(re.findall(r"steps\.divulge\.outputs\.(\w+)", yaml.safe_dump(WORKFLOW)))
    assert used <= set(ACTION["outputs"])
    assert WORKFLOW["permissions"]["security-events"] == "write"
