"""The README's and the documentation's examples run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])

NETWORK = """
from torch import nn


def build():
    return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 2))
"""


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


@pytest.fixture
def workplace(tmp_path, halves, monkeypatch):
    """The files that the README's audit files speak of."""
    x, y, u, v = halves
    names = list(load_breast_cancer().feature_names)
    labels = np.array(["malignant", "benign"])
    for name, a, b in (("members", x, y), ("nonmembers", u, v)):
        pd.DataFrame(a, columns=names).assign(diagnosis=labels[b]).to_csv(tmp_path / f"{name}.csv", index=False)
        scaled = (a - x.mean(axis=0)) / x.std(axis=0)
        np.savez(tmp_path / f"{name}.npz", x=scaled.astype(np.float32), y=b)
    frame = pd.read_csv(tmp_path / "members.csv")
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[names], frame["diagnosis"])
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    (tmp_path / "network.py").write_text(NETWORK)
    scope: dict = {}
    exec(NETWORK, scope)
    torch.manual_seed(0)
    torch.save(scope["build"]().state_dict(), tmp_path / "weights.pt")
    for block in blocks(README, "yaml"):
        (tmp_path / block.split()[1]).write_text(block)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_ten_lines(workplace):
    (example,) = blocks(README, "python")
    assert len(example.strip().splitlines()) <= 11
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (workplace / "report.html").stat().st_size > 100_000


@pytest.mark.parametrize("name", ["sklearn", "torch"])
def test_the_audit_files(workplace, name):
    command = [sys.executable, "-m", "divulge.cli.app", "audit", f"{name}.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    (findings,) = Path("divulge-runs").glob("*/findings.json")
    content = json.loads(findings.read_text())
    assert content["complete"] and content["verdict"] in ("leak", "not found")


def test_the_example_attack(tmp_path, halves, careful_model):
    import divulge

    example = blocks((ROOT / "docs" / "adding-an-attack.md").read_text(), "python")[0]
    path = tmp_path / "top_score.py"
    path.write_text(example)
    sys.path.insert(0, str(tmp_path))
    try:
        from top_score import TopScore  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(tmp_path))
    x, y, u, v = halves
    run = divulge.audit(careful_model, (x, y), (u, v), attacks=[TopScore()], out=tmp_path / "r")
    assert {f.attack for f in run.findings} == {"top_score"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_attack_and_every_benchmark_is_documented():
    from divulge.catalog.attacks import ATTACKS

    pages = "".join(p.read_text() for p in PAGES)
    assert [name for name in ATTACKS if f"`{name}`" not in pages] == []
    commands = {p.name for p in (ROOT / "benchmarks").glob("*.py")} - {"harness.py"}
    assert [name for name in commands if f"benchmarks/{name}" not in pages] == []
