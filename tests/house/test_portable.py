"""What differs between systems: encodings, cache folders, browsers, the encoding of pipes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import divulge
from divulge.runs import pdf
from divulge.setup.sources.user_code import factory_from
from divulge.training.artifact_cache import default_folder

SOURCE = Path(divulge.__file__).parent
SAYS_SO = {"read_text": 0, "write_text": 1, "open": 1, "fdopen": 2}
"""Calls that read or write text, and how many positional arguments stand before the encoding."""


def without_encoding(text: str) -> list[int]:
    """Lines that open text in whatever encoding the system has."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        keywords = {k.arg for k in node.keywords}
        if keywords & {"encoding", None}:
            continue
        modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        binary = any("b" in mode and len(mode) <= 3 for mode in modes)
        whole_file = name in ("read_text", "write_text") and len(node.args) <= SAYS_SO[name]
        stream = name in ("open", "fdopen") and any(set(m) <= set("rwax+t") for m in modes) and not binary
        bare = isinstance(node.func, ast.Name) and name == "open" and not binary
        output = name in ("run", "Popen", "check_output") and bool(keywords & {"text", "universal_newlines"})
        if whole_file or stream or bare or output:
            found.append(node.lineno)
    return found


def test_no_text_is_read_or_written_in_an_encoding_of_the_system():
    files = {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    assert {name: lines for name, text in files.items() if (lines := without_encoding(text))} == {}


@pytest.mark.parametrize(
    ("line", "guilty"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("path.write_text(text, encoding='utf-8')", False),
        ("open(path)", True),
        ("open(path, 'rb')", False),
        ("path.open('w')", True),
        ("os.fdopen(handle, 'wb')", False),
        ("subprocess.run(command, text=True)", True),
    ],
)
def test_such_a_line_is_seen(line, guilty):
    assert bool(without_encoding(line)) is guilty


@pytest.mark.parametrize(
    ("platform", "variables", "wanted"),
    [
        ("win32", {"LOCALAPPDATA": "{home}/Local"}, "Local/divulge"),
        ("win32", {}, "AppData/Local/divulge"),
        ("darwin", {}, "Library/Caches/divulge"),
        ("linux", {}, ".cache/divulge"),
        ("linux", {"XDG_CACHE_HOME": "{home}/x"}, "x/divulge"),
        ("win32", {"DIVULGE_CACHE": "{home}/mine", "LOCALAPPDATA": "{home}/Local"}, "mine"),
    ],
)
def test_the_cache_lies_where_the_system_keeps_caches(platform, variables, wanted, monkeypatch, tmp_path):
    for name in ("DIVULGE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(home=tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    assert default_folder() == tmp_path / wanted


def test_a_browser_is_found_where_installers_put_it(monkeypatch, tmp_path):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("PROGRAMFILES(X86)", str(tmp_path))
    assert pdf.installed_browser() is None
    browser = tmp_path / "Microsoft" / "Edge" / "Application" / "msedge.exe"
    browser.parent.mkdir(parents=True)
    browser.touch()
    found = pdf.installed_browser()
    assert found is not None and Path(found) == browser
    monkeypatch.setattr(pdf.shutil, "which", lambda name: "/bin/chrome" if name == "chrome" else None)
    assert pdf.installed_browser() == "/bin/chrome"


PIPED = """
import io, sys
from divulge.cli.screen import out
from divulge.core.boundary.streams import speak_unicode

raw = io.BytesIO()
sys.stdout = io.TextIOWrapper(raw, encoding="cp1252")
speak_unicode()
out.print("\\u25b2 leak \\u2298")
sys.stdout.flush()
sys.__stdout__.buffer.write(raw.getvalue())
"""


@pytest.mark.parametrize(("asked_for", "shown"), [(None, "▲ leak ⊘".encode()), ("cp1252", b"^ leak /")])
def test_marks_of_verdicts_reach_a_pipe_of_another_encoding(asked_for, shown):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    if asked_for:
        environment["PYTHONIOENCODING"] = asked_for
    done = subprocess.run([sys.executable, "-c", PIPED], capture_output=True, env=environment, check=True)
    assert done.stdout.strip() == shown


def test_a_function_is_found_by_a_path_that_holds_a_colon(tmp_path):
    folder = tmp_path if sys.platform == "win32" else tmp_path / "C:"  # there, every path begins with a drive
    folder.mkdir(exist_ok=True)
    (folder / "net.py").write_text("def build():\n    return 7\n", encoding="utf-8")
    assert factory_from(f"{folder / 'net.py'}:build", tmp_path)() == 7
    for named in ("build", "net.py:", ":build"):
        with pytest.raises(divulge.InputError, match=r"must be file.py:function"):
            factory_from(named, tmp_path)


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert divulge.__version__ == version("divulge")
    command = [sys.executable, "-m", "divulge.cli.app", "--version"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == f"divulge {divulge.__version__}"
