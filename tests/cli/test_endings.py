"""How a command ends when something else than an audit ends it, and how to go on."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from divulge.auditing import budget
from divulge.cli import app, papers
from divulge.core.errors import TargetError
from divulge.workflows import run_audit
from tests import forked
from tests.cli.foreign import dump_shy

STEPS = """
import os, signal, sys
from sklearn.linear_model import LogisticRegression


class Shy(LogisticRegression):
    def decision_function(self, x):
        return self.predict_proba(x)

    def predict_proba(self, x):
        {act}
"""

AUDIT = """
target: {kind: sklearn, path: model.joblib, trust: true, modules: [shy.py]}
data: {members: members.csv, nonmembers: nonmembers.csv, target: ill}
recipe: {kind: none}
attacks: [loss, entropy]
"""


def run(arguments, capsys):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["divulge", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app.main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def typed(*arguments, folder):
    return forked.run(["-m", "divulge.cli.app", *map(str, arguments)], cwd=folder)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"])
    frame["ill"] = np.where(frame["a"] + rng.normal(size=120) > 0, "yes", "no")
    frame[:60].to_csv(tmp_path / "members.csv", index=False)
    frame[60:].to_csv(tmp_path / "nonmembers.csv", index=False)
    joblib.dump(LogisticRegression().fit(frame[:60].drop(columns="ill"), frame[:60]["ill"]), tmp_path / "model.joblib")
    (tmp_path / "audit.yaml").write_text(AUDIT.replace(", modules: [shy.py]", ""))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shy(folder, act):
    """The same, with a model that does something else than to answer."""
    dump_shy(folder, STEPS.format(act=act))
    (folder / "audit.yaml").write_text(AUDIT)


@pytest.mark.parametrize(
    ("broken", "code", "said"),
    [
        (ValueError("boom"), 70, "a fault of divulge's (ValueError: boom)"),
        (EOFError("short"), 70, "a fault of divulge's (EOFError: short)"),
        (MemoryError(), 70, "a fault of divulge's (MemoryError)"),
        (SystemExit(0), 3, "it wanted to end the program (sys.exit(0))"),
        (SystemExit(1), 3, "it wanted to end the program (sys.exit(1))"),
        (GeneratorExit(), 3, "GeneratorExit"),
        (KeyboardInterrupt(), 3, "interrupted"),
        (TargetError("the model crashed"), 2, "the model crashed"),
    ],
    ids=repr,
)
def test_what_is_no_verdict_is_one_line_and_no_exit_code_of_a_leak(broken, code, said, capsys, monkeypatch):
    def breaks(*_):
        raise broken

    monkeypatch.setattr("divulge.catalog.search.search", breaks)
    assert papers is not None
    ended, out, err = run(["papers", "lira"], capsys)
    assert ended == code and said in err and err.count("\n") == 1 and not out
    if "the trace is in" in err:
        kept = Path(re.search(r"the trace is in (\S+)", err)[1])
        assert "breaks" in kept.read_text() and kept.stat().st_mode & 0o077 == 0
        kept.unlink()


def test_an_unknown_command_is_asked_about_once(capsys):
    code, _, err = run(["audti"], capsys)
    assert code == 2 and err.count("Did you mean") == 1


def test_the_version(capsys):
    from importlib import metadata

    assert run(["--version"], capsys)[:2] == (0, f"divulge {metadata.version('divulge')}\n")


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("sys.exit(0)", "it wanted to end the program (sys.exit(0))"),
        pytest.param("os._exit(0)", "the process died", marks=pytest.mark.slow),  # one of test_box is quick
        pytest.param("os._exit(1)", "(exit status 1)", marks=pytest.mark.slow),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9"),
        ("raise KeyboardInterrupt", "interrupted"),
    ],
)
def test_a_model_that_ends_the_program_does_not_decide_the_exit_code(act, said, workplace):
    shy(workplace, act)
    done = typed("audit", "audit.yaml", folder=workplace)
    assert done.returncode in (2, 3), done.stdout + done.stderr
    assert said in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr


def test_an_interrupted_audit_says_how_to_go_on_and_goes_on(workplace):
    shy(workplace, "import time; time.sleep(600 * (len(x) > 60)); return [[0.4, 0.6]] * len(x)")
    started = [sys.executable, "-u", "-m", "divulge.cli.app", "audit", "audit.yaml"]
    with subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        place = next(line for line in process.stdout if line.startswith("Run: ")).split()[1]
        while not Path(place, "origin.json").exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)  # a busy machine takes long to unload it all
    assert process.returncode == 3 and "interrupted" in err and "Traceback" not in err
    assert not Path(place).exists(), "nothing was begun, and nothing is left behind"


def test_a_run_goes_on_from_its_folder_alone(workplace, capsys, monkeypatch):
    played = run_audit._one

    def interrupted(run, tables, planned, blind):
        if planned.card.name == "entropy":
            raise KeyboardInterrupt
        return played(run, tables, planned, blind)

    monkeypatch.setattr(run_audit, "_one", interrupted)
    code, out, err = run(["audit", "audit.yaml", "--seed", "3"], capsys)
    place = re.search(r"Run: (\S+)", out)[1]
    assert code == 3 and f"go on with: divulge audit --resume {place}" in err
    assert [p.stem for p in Path(place, "outcomes").iterdir()] == ["loss"]
    monkeypatch.undo()
    os.chdir(workplace)
    (workplace / "audit.yaml").unlink()
    for given in (place, "latest", "logisticregression"):
        code, out, err = run(["audit", "--resume", given], capsys)
        assert code == 0, out + err
    assert {p.stem for p in Path(place, "outcomes").iterdir()} == {"loss", "entropy"}
    assert json.loads(Path(place, "run.json").read_text())["provenance"]["seed"] == 3


def test_a_demonstration_goes_on_from_its_folder_alone(workplace, capsys, monkeypatch):
    clock = itertools.count()  # a quarter of a second passes whenever it is looked at
    monkeypatch.setattr(budget, "time", SimpleNamespace(perf_counter=lambda: next(clock) / 4))
    assert run(["demo", "patients", "--minutes", "0.02"], capsys)[0] in (0, 3)  # no time is no verdict
    first = sorted(p.parent for p in Path("divulge-runs").glob("*/run.json"))[0]
    before = {p.stem for p in (first / "outcomes").iterdir()}
    code, out, err = run(["audit", "--resume", first, "--minutes", "0.1"], capsys)
    assert code in (0, 1), out + err
    assert {p.stem for p in (first / "outcomes").iterdir()} > before


def test_a_run_that_was_sent_is_not_gone_on_with_by_its_own_files(workplace, capsys):
    assert run(["audit", "audit.yaml", "--quiet"], capsys)[0] == 0
    (place,) = (p.parent for p in Path("divulge-runs").glob("*/run.json"))
    told = json.loads((place / "origin.json").read_text())
    (place / "origin.json").write_text(json.dumps(told | {"folder": str(place.resolve())}))
    code, _, err = run(["audit", "--resume", place], capsys)
    assert code == 2 and "was not written by you" in err
    (place / "origin.json").write_text("{")
    assert run(["audit", "--resume", place], capsys)[0] == 2
    (place / "origin.json").unlink()
    code, _, err = run(["audit", "--resume", "latest"], capsys)
    assert code == 2 and f"divulge audit AUDIT.yaml --resume {place}" in err
    assert run(["audit", "audit.yaml", "--resume", "latest"], capsys)[0] == 0


def test_runs_are_found_by_name(workplace, capsys):
    from divulge import InputError, Run

    with pytest.raises(InputError, match="there is no latest run"):
        Run.open("latest")
    for name in ("a", "b"):
        time.sleep(1.1 if name == "b" else 0)  # the latest is told by seconds
        text = (workplace / "audit.yaml").read_text()
        (workplace / f"{name}.yaml").write_text(f"{text}name: Model {name}\n")
        assert run(["audit", f"{name}.yaml", "--quiet"], capsys)[0] == 0
    assert Run.open("latest").result.facts.name == "Model b"
    assert Run.open("model-a").result.facts.name == "Model a"
    assert Run.open("divulge-runs/latest").folder.parent == Path("divulge-runs")
    with pytest.raises(
        InputError, match=r"is not a run, but holds 2 runs: name one of them, .*-model-b say, or .*/latest"
    ):
        Run.open("divulge-runs")
    assert "Model a" in run(["compare", "model-a", "latest"], capsys)[1]
    assert run(["gate", "latest"], capsys)[0] == 0
    assert run(["report", "latest", "--format", "md", "-o", "-"], capsys)[1].startswith("# Model b")


def test_a_name_may_hold_what_looks_like_markup(workplace, capsys):
    text = (workplace / "audit.yaml").read_text()
    (workplace / "audit.yaml").write_text(f"{text}name: 'x[/bold][red]y'\n")
    code, out, err = run(["audit", "audit.yaml"], capsys)
    assert code == 0 and "Auditing x[/bold][red]y: LogisticRegression" in out, err
    assert "x[/bold][red]y" in run(["compare", "latest"], capsys)[1]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
@pytest.mark.parametrize("command", [["attacks"], ["papers"]], ids=" ".join)
def test_nothing_is_said_where_nobody_reads_on(command):
    """`divulge attacks | head`: the reader has gone, which is nobody's fault."""
    read, write = os.pipe()
    os.close(read)
    call = [sys.executable, "-m", "divulge.cli.app", *command]
    done = subprocess.run(call, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 3 and done.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="libc's on_exit")
def test_what_a_library_does_when_it_is_taken_down_changes_no_exit_code():
    """As pyarrow's threads do now and then; what Python does at its end is done."""
    code = (
        "import atexit, ctypes, pyarrow; from divulge.cli.ending import leave; libc = ctypes.CDLL(None)\n"
        "libc.on_exit(libc.abort, None); atexit.register(print, 'late'); print('said')\nleave(1)\nraise SystemExit(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "said\nlate\n"), done.stderr
