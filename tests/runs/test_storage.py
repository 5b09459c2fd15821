"""Runs that are pushed and pulled: the same run arrives, or one line says why not."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import divulge
from divulge.cli.app import app
from divulge.core.errors import InputError
from divulge.runs import storage
from divulge.runs.folder import RunFolder

RNG = np.random.default_rng(0)
KEEP = (np.arange(200) < 100)[None]
SCORES = RNG.normal(size=(1, 200)) + 2 * KEEP


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs") / "first"
    divulge.audit(divulge.ScoreTable(None, SCORES, KEEP, np.zeros(200, int)), attacks=["loss"], out=place)
    return place


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", ("memory", "folder"))
def test_the_same_run_comes_back(kind, run, memory, tmp_path):
    there = "memory://bucket/runs" if kind == "memory" else str(tmp_path / "there")
    said = CliRunner().invoke(app, ["push", str(run), there])
    assert said.exit_code == 0 and said.stdout.strip() == f"{there}/first"
    assert storage.pushed(there) == [{"folder": "first", "verdict": "leak", "complete": True}]
    said = CliRunner().invoke(app, ["runs", "--at", there])
    assert said.exit_code == 0 and said.stdout.split() == ["run", "verdict", "complete", "first", "leak", "yes"]
    said = CliRunner().invoke(app, ["pull", f"{there}/first", "--out", str(tmp_path / "here")])
    assert said.exit_code == 0 and said.stdout.strip() == str(tmp_path / "here" / "first")
    assert contents(tmp_path / "here" / "first") == contents(run)
    assert CliRunner().invoke(app, ["gate", str(tmp_path / "here" / "first")]).exit_code == 1


def test_a_run_that_has_grown_is_brought_up_to_date_and_another_one_is_not_overwritten(run, memory, tmp_path):
    copy = tmp_path / "first"
    shutil.copytree(run, copy)
    (copy / "complete.json").unlink()
    storage.push(copy, "memory://b")
    assert storage.pushed("memory://b")[0]["complete"] is False
    storage.push(run, "memory://b")
    assert storage.pushed("memory://b")[0]["complete"] is True
    facts = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(facts | {"name": "other"}))
    (copy / "SHA256SUMS").unlink()
    with pytest.raises(InputError, match="another run"):
        storage.push(copy, "memory://b")


def test_complete_is_the_last_to_arrive(run, memory, monkeypatch):
    arrived = []
    put = type(memory).pipe_file
    monkeypatch.setattr(
        type(memory), "pipe_file", lambda fs, path, *rest, **how: arrived.append(path) or put(fs, path, *rest, **how)
    )
    storage.push(run, "memory://b")
    assert arrived[-1].endswith("/complete.json") and len(arrived) == len(contents(run))


def test_a_damaged_run_never_appears(run, memory, tmp_path):
    storage.push(run, "memory://b")
    path = "/b/first/evidence/loss.parquet"
    memory.pipe_file(path, memory.cat_file(path)[:-9])
    with pytest.raises(InputError, match=r"loss\.parquet is damaged"):
        storage.pull("memory://b/first", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_outside_of_the_run_is_refused(run, memory, tmp_path, monkeypatch):
    storage.push(run, "memory://b")
    found = memory.find("/b/first", detail=True) | {"/b/first/../../evil": {"size": 1}}
    monkeypatch.setattr(type(memory), "find", lambda *given, **how: found)
    with pytest.raises(InputError, match="outside"):
        storage.pull("memory://b/first", tmp_path)


def test_what_is_too_large_is_refused_before_it_comes(run, memory, tmp_path, monkeypatch):
    storage.push(run, "memory://b")
    monkeypatch.setattr(storage, "MOST_BYTES", 1000)
    with pytest.raises(InputError, match="no run"):
        storage.pull("memory://b/first", tmp_path)


@pytest.mark.parametrize(
    "address", ("memory://b/none", "nosuch://a/b", "memory://", "http://u:secretword@127.0.0.1:1/r")
)
def test_bad_addresses_are_one_line_without_secrets(address, memory, tmp_path):
    said = CliRunner().invoke(app, ["pull", address, "--out", str(tmp_path)])
    assert said.exit_code == 2 and "Traceback" not in said.output and "secretword" not in said.output


def test_a_run_is_not_pulled_over_another(run, memory, tmp_path):
    storage.push(run, "memory://b")
    (tmp_path / "first").mkdir()
    with pytest.raises(InputError, match="exists"):
        storage.pull("memory://b/first", tmp_path)
    assert RunFolder(run).complete
