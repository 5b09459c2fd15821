"""Output in any encoding, without a terminal, and on a narrow one: the verdict is said, and the exit code is its."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import divulge


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng = np.random.default_rng(0)
    keep = (np.arange(200) < 100)[None]
    place = tmp_path_factory.mktemp("encodings") / "r"
    table = divulge.ScoreTable(None, rng.normal(size=(1, 200)), keep, np.zeros(200, int))
    divulge.audit(table, attacks=["loss"], out=place)
    return place


def gate(folder, **environment):
    """Exit code and bytes of a judgement, of which only the encoding is not given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
    command = [sys.executable, "-c", "from divulge.cli.app import main; main()", "gate", str(folder)]
    done = subprocess.run(command, capture_output=True, env=kept | environment, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("environment", "mark"),
    [
        ({"LANG": "C"}, "○".encode()),
        ({"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, "○".encode()),
        ({"PYTHONIOENCODING": "ascii"}, b"o "),
        ({"PYTHONIOENCODING": "cp1252"}, b"o "),
        ({"PYTHONIOENCODING": "latin-1"}, b"o "),
        ({"PYTHONIOENCODING": "cp437"}, b"o "),
        ({"PYTHONIOENCODING": "utf-16"}, "○".encode("utf-16-le")),
        ({"COLUMNS": "1"}, "○".encode()),
        ({"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "0"}, "○".encode()),
    ],
    ids=str,
)
def test_a_verdict_is_said_in_every_encoding(folder, environment, mark):
    code, said, complained = gate(folder, **environment)
    assert code == 0 and mark in said, (said, complained)
    assert b"Traceback" not in complained and b"?" not in said.replace("?".encode("utf-16-le"), b"")


def test_a_sign_that_is_lacking_is_shown_by_one_that_resembles_it():
    from divulge.core.boundary import streams

    streams.speak_unicode()
    text = "▲ leak, ○ not found, ✕ ⊘ – “x” … é ≥ 東"
    assert text.encode("ascii", streams.SIMPLER) == b'^ leak, o not found, x / - "x" ... e >= ?'
    assert "▲ é".encode("cp1252", streams.SIMPLER) == b"^ \xe9"


@pytest.mark.parametrize("width", [10, 20, 40])
def test_a_narrow_terminal_gets_every_word(width):
    from divulge.cli import screen

    screen.out.width, before = width, screen.out.width
    try:
        with screen.out.capture() as captured:
            table = screen.table("attack", "queries", "can run")
            table.add_row("loss", "about 200", "the target\x1b does not offer gradients")
            screen.out.print(table)
    finally:
        screen.out.width = before
    found = captured.get()
    assert "\x1b" not in found and set("gradients") <= set(found)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="streams are closed and filled as POSIX has it")
@pytest.mark.parametrize(
    ("streams", "code", "complaint"),
    [
        (">&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        (">/dev/full", 3, "output took less than was written to it"),
    ],
)
def test_a_stream_that_takes_nothing_is_no_leak(folder, streams, code, complaint):
    command = [sys.executable, "-m", "divulge.cli.app", "gate", str(folder)]
    done = subprocess.run(["sh", "-c", f'exec "$@" {streams}', "sh", *command], capture_output=True, text=True)
    assert done.returncode == code and complaint in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.count("\n") == bool(complaint)


def test_a_name_that_is_no_unicode_is_said(tmp_path):
    place = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(place)
    command = [sys.executable, "-m", "divulge.cli.app", "audit", place + b"/a.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "is not UTF-8" in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "RUN", "-o", "."),
        ("gate", "RUN", "--junit", "."),
        ("audit", "a" * 5_000),
        ("gate", "RUN", "--junit", "no/x"),
    ],
    ids=lambda arguments: " ".join(arguments)[:30],
)
def test_a_place_that_is_none_is_said(arguments, folder, tmp_path, capsys, monkeypatch):
    from divulge.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["divulge", *(str(folder) if word == "RUN" else word for word in arguments)])
    with pytest.raises(SystemExit) as ended:
        app.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1, said
