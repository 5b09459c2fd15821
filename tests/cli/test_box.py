"""What a model's code may do to an audit: the attack that is being played fails, and the audit goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from divulge.core.boundary import offline, watch
from divulge.core.errors import InputError
from divulge.setup import boundary
from divulge.setup.audit_file import parsed
from divulge.setup.boundary import memory_here, refuse_code, runs_code
from tests.cli.foreign import dump_shy

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are watched on Linux alone")

STEPS = """
import ctypes, os, signal, socket, sys, time
from sklearn.linear_model import LogisticRegression

ASKED = []


class Shy(LogisticRegression):
    def decision_function(self, x):
        ASKED.append(len(x))
        if len(ASKED) > 40:  # the handshake is over
            {act}
        return super().decision_function(x)
"""

AUDIT = """
target: {kind: sklearn, path: model.joblib, trust: true, modules: [shy.py]}
data: {members: members.csv, nonmembers: nonmembers.csv, target: ill}
recipe: {kind: none}
attacks: [label_only_noise, loss]
cache: false
limits: {seconds: 25, memory: 1.5}
"""

ACTS = {
    "sys.exit(0)": "it wanted to end the program",
    "os._exit(0)": "exit status 0",
    "os.abort()": "killed by signal 6",
    "ctypes.string_at(0)": "killed by signal 11",
    "time.sleep(600)": "no answer within 25 s",
    "ASKED[:] = [bytearray(2_500_000_000), time.sleep(600)]": "more than 1.5 GB of memory",
}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"])
    frame["ill"] = np.where(frame["a"] + rng.normal(size=120) > 0, "yes", "no")
    frame[:60].to_csv(tmp_path / "members.csv", index=False)
    frame[60:].to_csv(tmp_path / "nonmembers.csv", index=False)
    joblib.dump(LogisticRegression().fit(frame[:60].drop(columns="ill"), frame[:60]["ill"]), tmp_path / "model.joblib")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shy(folder, act):
    dump_shy(folder, STEPS.format(act=act))
    # A busy machine may take its time to load a model; only what never ends is waited for in vain.
    (folder / "audit.yaml").write_text(AUDIT if "sleep" in act else AUDIT.replace("seconds: 25", "seconds: 200"))


def typed(*arguments, folder):
    command = [sys.executable, "-m", "divulge.cli.app", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def results(folder):
    (place,) = (path.parent for path in (folder / "divulge-runs").glob("*/run.json"))
    read = (json.loads(path.read_text())["outcome"] for path in (place / "outcomes").iterdir())
    return place, {outcome["attack"]: outcome["result"] for outcome in read}


FAST = ("os._exit(0)",)
"""The others take seconds more each."""


@linux
@pytest.mark.parametrize("act", [act if act in FAST else pytest.param(act, marks=pytest.mark.slow) for act in ACTS])
def test_the_attack_has_failed_and_the_audit_goes_on(act, workplace):
    shy(workplace, act)
    done = typed("audit", "audit.yaml", folder=workplace)
    assert done.returncode == 3, done.stdout + done.stderr
    place, found = results(workplace)
    assert ACTS[act] in found["label_only_noise"]["error"]
    assert "measurements" in found["loss"] and (place / "complete.json").exists()
    assert "Traceback" not in done.stdout + done.stderr


@linux
def test_a_model_that_never_loads_is_given_up(workplace):
    (workplace / "slow.py").write_text("import time\ntime.sleep(600)\n")
    (workplace / "audit.yaml").write_text(AUDIT.replace("shy.py", "slow.py").replace("seconds: 25", "seconds: 1"))
    done = typed("audit", "audit.yaml", folder=workplace)
    assert done.returncode == 3 and "no answer within 1 s" in done.stderr and done.stderr.count("\n") == 1
    assert not list((workplace / "divulge-runs").glob("*"))


@linux
@pytest.mark.slow
def test_a_model_has_no_network_unless_it_is_given(workplace):
    shy(workplace, "socket.create_connection(('127.0.0.1', 9), timeout=1)")
    assert typed("audit", "audit.yaml", folder=workplace).returncode == 3
    _, found = results(workplace)
    assert "PermissionError" in found["label_only_noise"]["error"]
    audit = AUDIT.replace("memory: 1.5", "network: true")
    (workplace / "audit.yaml").write_text(audit)
    typed("audit", "audit.yaml", "--out", "other", folder=workplace)
    (outcome,) = (workplace / "other").glob("*/outcomes/label_only_noise.json")
    assert "PermissionError" not in outcome.read_text()


@linux
def test_the_filter_refuses_what_reaches_out_and_nothing_else():
    code = (
        "import socket; from divulge.core.boundary import offline; assert not offline.is_offline(); "
        "assert offline.go_offline() and offline.is_offline(); a, b = socket.socketpair(); a.send(b'x'); "
        "assert b.recv(1) == b'x'; import subprocess, sys; "
        "sys.exit(subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'], stderr=-3).returncode + 6)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 7
    assert not offline.is_offline()


def test_nothing_is_written_where_nobody_watches(tmp_path):
    with watch.asking(), watch.playing(tmp_path, "loss"):
        assert watch.watcher() is None and watch.died("loss") is None


def test_a_board_says_since_when_and_what_is_played(tmp_path):
    board = watch.Board()
    watch.watched_by(board)
    try:
        watch.limit(5.0, 100.0)
        with watch.playing(tmp_path, "lösung"):
            with watch.asking(), watch.asking():
                assert board.numbers()[0] > 0 and board.numbers()[1:] == (5.0, 100.0)
            assert board.numbers() == (0.0, 5.0, 100.0)
            assert (board.text("place"), board.text("attack")) == (str(tmp_path), "lösung")
        assert board.text("attack") == ""
        board.died["loss"] = "why"
        assert watch.died("loss") == "why" and watch.died("lira") is None
    finally:
        watch.watched_by(None)
    assert memory_here() > 1e8 or sys.platform != "linux"


ENDINGS = """
import atexit, os, signal, sys, threading, time
from divulge.cli import watched
from divulge.core.boundary import watch

watched.GRACE = watched.SOON = 0.3
signal.pthread_sigmask(signal.SIG_BLOCK, watched.WATCHING)


def writes_into_every_pipe():
    for number in range(3, 64):
        try:
            os.write(number, b"." * 17)
        except OSError:
            pass
    os._exit(0)


def goes_on_in_a_fork():
    if os.fork():
        os._exit(0)
    sys.exit(0)


def leaves_a_fork_that_holds_everything():
    if os.fork():
        os._exit(0)
    time.sleep(600)


def closes_everything():
    os.closerange(3, 64)
    sys.exit(0)


def ends_otherwise_at_last():
    atexit.register(os._exit, 0)
    sys.exit(1)


def has_a_thread_that_never_ends():
    threading.Thread(target=time.sleep, args=(600,)).start()
    sys.exit(1)


def leaves_a_helper():
    if not os.fork():
        time.sleep(600)
    sys.exit(1)


for work in (
    lambda: sys.exit(1), goes_on_in_a_fork, leaves_a_fork_that_holds_everything, writes_into_every_pipe,
    closes_everything, ends_otherwise_at_last, has_a_thread_that_never_ends, leaves_a_helper,
):
    print(work.__name__, *watched._in_a_child(work, watch.Board()), flush=True)
print(watched._numbers(watched.Path(f"/proc/self/task/{os.getpid()}/children")))
"""


@linux
def test_a_model_ends_in_no_verdict_that_was_not_told():
    """The exit code is what divulge told, or the process died: whatever a model forks, writes, closes or leaves."""
    done = subprocess.run([sys.executable, "-c", ENDINGS], capture_output=True, text=True, timeout=120)
    *told, left = done.stdout.splitlines()
    ends = {name: (status, " ".join(how)) for name, status, *how in map(str.split, told)}
    died, leak = ("0", "exit status 0"), ("1", "None")
    assert ends == {
        "<lambda>": leak,
        "goes_on_in_a_fork": died,
        "leaves_a_fork_that_holds_everything": died,
        "writes_into_every_pipe": died,
        "closes_everything": died,
        "ends_otherwise_at_last": leak,
        "has_a_thread_that_never_ends": leak,
        "leaves_a_helper": leak,
    }, done.stderr
    assert left == "[]"


def test_what_a_model_changes_for_all_is_put_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    depth, gone = sys.getrecursionlimit(), tmp_path / "gone"
    gone.mkdir()
    with watch.asking():
        os.chdir(gone)
        gone.rmdir()
        sys.setrecursionlimit(depth + 100)
    assert Path.cwd() == tmp_path and sys.getrecursionlimit() == depth


BASE = "data: {members: members.csv, nonmembers: nonmembers.csv, target: ill}\n"
PROGRAMS = {
    "target: {kind: sklearn, path: m.joblib, trust: true}\n": "target.trust",
    "target: {kind: torch, path: m.pt, factory: 'net.py:build'}\n": "target.factory",
    "target: {kind: sklearn, path: m.skops, modules: [steps.py]}\n": "target.modules",
    "target: {kind: sklearn, path: m.skops, trusted_modules: [os]}\n": "target.trusted_modules",
    "target: {kind: onnx, path: m.onnx}\nrecipe: {kind: torch, factory: 'os:abort'}\n": "recipe.factory",
}


@pytest.mark.parametrize("text", PROGRAMS)
def test_an_untrusted_file_runs_no_code(text, tmp_path):
    audit = parsed(text + BASE, "audit.yaml")
    assert runs_code(audit)
    with pytest.raises(InputError, match=rf"^--untrusted: {PROGRAMS[text]}"):
        refuse_code(audit, tmp_path)


def test_the_network_is_left_to_whoever_needs_it(monkeypatch):
    """A service is asked over the network, also where a function of the audit file builds its recipe."""
    taken = []
    monkeypatch.setattr(boundary, "watcher", object)
    monkeypatch.setattr(boundary, "limit", lambda *_: None)
    monkeypatch.setattr(boundary, "go_offline", lambda: taken.append(True) or True)
    recipe = "recipe: {kind: sklearn, factory: 'net.py:build'}\n"
    service = "target: {kind: http, service: {url: 'http://127.0.0.1:1', preset: fastapi}}\n"
    boundary.confine(parsed(service + recipe + BASE, "audit.yaml"))
    assert not taken
    boundary.confine(parsed("target: {kind: onnx, path: m.onnx}\n" + recipe + BASE, "audit.yaml"))
    assert taken


def test_an_untrusted_file_sends_no_secrets_and_reads_what_lies_beside_it(tmp_path):
    model = "target: {kind: onnx, path: m.onnx}\n"
    refuse_code(parsed(model + BASE, "a.yaml"), tmp_path)
    for text, key in {
        model.replace("m.onnx", "/etc/m.onnx") + BASE: "target.path",
        model + BASE.replace("members.csv", "../members.csv", 1): "data.members",
        model + BASE + "policy: ../p.yaml\n": "policy",
        "target: {kind: http, service: {url: 'http://x', preset: fastapi, headers: {A: B}}}\n"
        + BASE: "service.headers",
        "target: {kind: http, service: {url: 'http://x/?k=${HOME}'}}\n" + BASE: r"service.url \(\$\{HOME\}\)",
        "target: {kind: http, service: {url: 'http://x', request: {a: [$records, {b: 'x${HOME}'}]}}}\n"
        + BASE: r"service.request \(\$\{HOME\}\)",
        "target: {kind: openai, service: {url: 'http://${HOME}'}}\n" + BASE: "service.url",
    }.items():
        with pytest.raises(InputError, match=key):
            refuse_code(parsed(text, "a.yaml"), tmp_path)


def test_the_command_refuses_a_program(workplace):
    (workplace / "audit.yaml").write_text(AUDIT)
    done = typed("audit", "audit.yaml", "--untrusted", folder=workplace)
    assert done.returncode == 2 and "target.trust, target.modules" in done.stderr
