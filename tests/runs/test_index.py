"""The index of runs, with many processes that write at once: in a file, and in a real PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

import divulge
from divulge.cli.app import app
from divulge.cli.watched import _entered
from divulge.core.boundary.watch import Board
from divulge.core.errors import InputError, Notice
from divulge.runs import index
from divulge.targets.services import http_kept

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="it forks"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

PROCESSES, LINES = 6, 8


def row(folder: str, **changed: object) -> index.RunRow:
    facts = {"name": "a", "target": "t", "threat": "w", "started": "2026", "updated": "", "verdict": "leak", "leaks": 1}
    return index.RunRow(folder=folder, place="", **(facts | {"complete": True} | changed))


def at_once(work, processes: int = PROCESSES) -> list[str]:
    """Work in several processes that begin together; what those said that did not end well."""
    begin, go = os.pipe()
    children, said = [], []
    for number in range(processes):
        told, tell = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(go)
                os.read(begin, 1)  # until the other end is closed
                warnings.simplefilter("error", Notice)
                work(number)
            except BaseException:
                os.write(tell, traceback.format_exc().encode()[-4000:])
                os._exit(1)
            os._exit(0)
        os.close(tell)
        children.append((child, told))
    os.close(go)
    os.close(begin)
    for child, told in children:
        with os.fdopen(told, "rb") as stream:
            text = stream.read().decode()
        if os.waitpid(child, 0)[1]:
            said.append(text)
    return said


def write_lines(root: Path):
    def work(number: int) -> None:
        for line in range(LINES):
            index.record(root, row(f"{number}-{line}", verdict="running", complete=False))
            index.record(root, row(f"{number}-{line}"))

    return work


def test_many_processes_write_into_one_file_and_nothing_is_lost(tmp_path):
    assert at_once(write_lines(tmp_path)) == []
    base = sqlite3.connect(tmp_path / index.FILE)
    assert base.execute("pragma journal_mode").fetchone() == ("wal",)
    assert base.execute("select count(*) from audits where verdict = 'leak'").fetchone() == (PROCESSES * LINES,)
    base.close()


def test_a_writer_waits_for_one_that_holds_the_file(tmp_path):
    index.record(tmp_path, row("first"))
    base = sqlite3.connect(tmp_path / index.FILE, isolation_level=None)
    base.execute("begin immediate")
    writer = threading.Thread(target=index.record, args=(tmp_path, row("second")))
    writer.start()
    writer.join(0.2)
    assert writer.is_alive()
    base.execute("commit")
    writer.join()
    assert base.execute("select folder from audits order by folder").fetchall() == [("first",), ("second",)]
    base.close()


def small_audit(place: Path, *attacks: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    y = ((x[:, 0] + rng.normal(size=80)) > 0).astype(int)
    model = LogisticRegression().fit(x[:40], y[:40])
    divulge.audit(
        model,
        (x[:40], y[:40]),
        (x[40:], y[40:]),
        attacks=attacks or ["loss"],
        shadows=2,
        jobs=1,
        progress=None,
        out=place,
    )


def test_several_audits_share_one_cache_and_one_folder_of_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("DIVULGE_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "runs"
    assert at_once(lambda number: small_audit(root / f"r{number}", "loss", "rmia"), 3) == []
    texts = [(root / f"r{number}" / "findings.json").read_text() for number in range(3)]
    found = [[f | {"seconds": 0} for f in json.loads(text)["findings"]] for text in texts]
    assert found[0] == found[1] == found[2] and found[0]
    assert {(r.folder, r.complete) for r in index.runs(root)} == {("r0", True), ("r1", True), ("r2", True)}
    assert not list((tmp_path / "cache").rglob("*.partial"))


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    place = tmp_path_factory.mktemp("audited") / "r"
    small_audit(place)
    return place


def test_runs_are_listed_though_no_process_lived_to_enter_them(audited, tmp_path):
    shutil.copytree(audited, tmp_path / "r")
    result = CliRunner().invoke(app, ["runs", "--out", str(tmp_path), "--json"])
    (listed,) = json.loads(result.stdout)
    assert listed["folder"] == "r" and listed["complete"] is True
    shutil.rmtree(tmp_path / "r")
    assert index.runs(tmp_path) == []
    assert CliRunner().invoke(app, ["runs", "--out", str(tmp_path / "none")]).exit_code == 2


def test_names_in_the_list_are_words(tmp_path, monkeypatch):
    monkeypatch.setenv("DIVULGE_RUNS", f"sqlite:///{tmp_path / 'all.sqlite'}")
    index.record(tmp_path, row("r", name="[/bold]\x1b[31m"))
    shown = CliRunner().invoke(app, ["runs"], terminal_width=300)
    assert shown.exit_code == 0 and "[/bold]" in shown.stdout and "\x1b[31m" not in shown.stdout


@pytest.mark.parametrize(
    "address", ("nowhere", "mysql://a/b", "nosuch://x", "postgresql+nosuch://x/y", "postgresql://[::1/b")
)
def test_what_is_no_address_of_an_index_is_said_at_once(address, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVULGE_RUNS", address)
    with pytest.raises(InputError, match="DIVULGE_RUNS"):
        small_audit(tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_answers_of_services_outlive_a_file_that_others_hold(tmp_path, monkeypatch):
    kept = http_kept.KeptAnswers(tmp_path / "s.sqlite", "s")
    kept.put({"k": [0.5]})
    monkeypatch.setattr(http_kept, "SECONDS", 0.1)
    base = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    base.execute("pragma locking_mode=exclusive")
    base.execute("begin exclusive")
    with pytest.warns(Notice, match="locked"):
        http_kept.KeptAnswers(tmp_path / "s.sqlite", "s")
    base.execute("rollback")
    base.close()
    assert kept.get(["k"]) == {"k": [0.5]}


def _programs() -> Path | None:
    """The folder of PostgreSQL's programs."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: float(path.parent.name))


@pytest.fixture(scope="module")
def postgresql():
    """The address of a PostgreSQL of our own, which refuses to run as root."""
    pytest.importorskip("psycopg")
    programs = _programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL: apt-get install postgresql")
    home = Path(tempfile.mkdtemp(prefix="divulge-pg-"))
    who = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if who:
        shutil.chown(home, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = str(home / "base")
    subprocess.run(
        [programs / "initdb", "-D", base, "-A", "trust", "-U", "divulge", "--no-sync"],
        check=True, capture_output=True, cwd=home, **who,
    )  # fmt: skip
    settings = ["-c", "fsync=off", "-h", "127.0.0.1", "-p", str(port), "-k", str(home)]
    server = subprocess.Popen(
        [programs / "postgres", "-D", base, *settings],
        cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who,
    )  # fmt: skip
    try:
        while subprocess.run(
            [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True
        ).returncode:
            assert server.poll() is None
            time.sleep(0.1)
        yield f"postgresql+psycopg://divulge:secretword@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(home)


def test_many_processes_write_into_one_postgresql_and_nothing_is_lost(postgresql, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVULGE_RUNS", postgresql)
    assert at_once(write_lines(tmp_path)) == []
    rows = [each for each in index.runs(tmp_path) if each.place.endswith(str(tmp_path))]
    assert len(rows) == PROCESSES * LINES and all(each.complete and each.verdict == "leak" for each in rows)
    assert not (tmp_path / index.FILE).exists()


def test_runs_of_two_folders_are_listed_together(postgresql, audited, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVULGE_RUNS", postgresql)
    small_audit(tmp_path / "one" / "same")
    shutil.copytree(audited, tmp_path / "two" / "same")
    index.enter(tmp_path / "two" / "same")
    listed = json.loads(CliRunner().invoke(app, ["runs", "--json"]).stdout)
    ours = [each for each in listed if str(tmp_path) in each["place"]]
    assert [(each["folder"], each["complete"]) for each in ours] == [("same", True)] * 2
    assert ours[0]["place"] != ours[1]["place"]


def test_a_run_without_network_is_entered_by_the_process_that_watches_it(postgresql, audited, tmp_path, monkeypatch):
    shutil.copytree(audited, tmp_path / "r")
    monkeypatch.setenv("DIVULGE_RUNS", postgresql)
    board = Board()
    board.set_text("place", str(tmp_path / "r"))
    _entered(board)
    assert [each.folder for each in index.runs(tmp_path) if str(tmp_path) in each.place] == ["r"]


def test_a_server_that_is_gone_is_said_before_the_audit_or_noted_after_it(postgresql, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVULGE_RUNS", postgresql.removesuffix("postgres") + "gone")
    with pytest.raises(InputError, match="cannot be written to") as error:
        small_audit(tmp_path / "r")
    assert "secretword" not in str(error.value) and "\n" not in str(error.value)
    with pytest.warns(Notice, match="not entered"):
        index.record(tmp_path, row("r"))
