"""The demonstrations on larger data, end to end."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from divulge.core.errors import InputError
from divulge.core.threat import Family
from divulge.data.sources import SOURCES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
FAMILIES = {family.value for family in Family}


@pytest.mark.parametrize(("demo", "source"), [("fashion", "fashion_mnist"), ("census", "census_income")])
def test_demo(demo, source, tmp_path):
    try:
        SOURCES[source]()
    except InputError as error:
        pytest.skip(str(error))
    command = [sys.executable, "-m", "divulge.cli.app", "demo", demo, "--out", str(tmp_path), "--minutes", "3"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    (folder,) = (p for p in tmp_path.iterdir() if p.is_dir())
    content = json.loads((folder / "findings.json").read_text())
    assert content["complete"] and content["verdict"] == "leak"
    assert (folder / "report.html").stat().st_size < 3_000_000
    games = {f["game"] for f in content["findings"] if f["value"] is not None}
    left_out = folder / "left_out.json"
    named = {step["game"] for step in json.loads(left_out.read_text())} if left_out.exists() else set()
    assert named or done.returncode == 0, "3 says that there was no time for something"
    assert "membership" in games and len(games) >= 2
    assert games | named == FAMILIES, "what a slow machine has no time for is named"
    strongest = max((f for f in content["findings"] if f["metric"] == "auc"), key=lambda f: f["value"])
    assert strongest["low"] > 0.5 > strongest["control"] - 0.03


def test_the_comparison_of_defences(tmp_path):
    command = [sys.executable, "-m", "divulge.cli.app", "demo", "defenses", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "defenses" / "matrix.json").read_text())
    assert len(found["rows"]) == 5 and not any(row["failed"] for row in found["rows"])
    none, rounded = (row["cells"][0]["reading"]["value"] for row in found["rows"][:2])
    assert none > 0.95 > rounded, "scores to one decimal hide most of what they tell about members"
    assert (tmp_path / "defenses" / "matrix.html").stat().st_size > 10_000


def test_what_synthetic_tables_tell(tmp_path):
    try:
        SOURCES["census_income"]()
    except InputError as error:
        pytest.skip(str(error))
    command = [sys.executable, "-m", "divulge.cli.app", "demo", "synthetic", "--out", str(tmp_path), "--minutes", "10"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {}
    for folder in (p for p in tmp_path.iterdir() if p.is_dir()):
        content = json.loads((folder / "findings.json").read_text())
        areas = {f["attack"]: f["value"] for f in content["findings"] if f["metric"] == "auc"}
        found[json.loads((folder / "run.json").read_text())["name"].rpartition("by ")[2]] = content["verdict"], areas
    assert found["its own rows again"][0] == "leak" and found["its own rows again"][1]["domias"] > 0.7
    assert found["a Gaussian copula"][1]["domias"] < 0.58
    assert found["a variational autoencoder"][1]["domias"] < 0.65


def test_the_language_model_tells_what_its_loss_hides(tmp_path):
    pytest.importorskip("transformers")
    command = [sys.executable, "-m", "divulge.cli.app", "demo", "language", "--out", str(tmp_path), "--minutes", "10"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    areas = []
    for folder in sorted(p for p in tmp_path.iterdir() if p.is_dir()):
        findings = json.loads((folder / "findings.json").read_text())["findings"]
        areas.append({f["attack"]: f["value"] for f in findings if f["metric"] == "auc"})
    heart, once = areas
    assert heart["learned_text_ratio"] > 0.95 > heart["token_loss"]
    assert once["learned_text_ratio"] > once["token_loss"] + 0.1
