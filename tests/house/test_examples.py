"""The notebooks of examples/: small, without outputs, and every cell runs from top to bottom."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tests import forked
from tests.house.pages import ROOT

import divulge

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
EXPECTED = {
    "first_audit": "LiRA finds",
    "network": "lira",
    "data_owner_claim": "exact",
    "comparing_defenses": "Labels only",
    "own_attack": "are not granted here",
}
"""By notebook: what is printed, or is the value of a cell, when it has run."""


def code(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


PROGRAM = '''
import ast, json, shlex, subprocess, sys

def shell(line):
    """What `!divulge ...` does in a notebook."""
    words = shlex.split(line)
    assert words[0] == "divulge", line
    done = subprocess.run([sys.executable, "-m", "divulge.cli.app", *words[1:]], capture_output=True, encoding="utf-8")
    print(done.stdout, done.stderr)
    assert done.returncode == 0, line

scope = {"__name__": "__main__", "shell": shell}
for cell in json.load(sys.stdin):
    lines = [f"shell(f{line[1:]!r})" if line.startswith("!") else line for line in cell.splitlines()]
    body = ast.parse("\\n".join(lines)).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "<cell>", "exec"), scope)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), scope)
        if value is not None:
            print(value)
'''


LONG = ("comparing_defenses", "data_owner_claim", "first_audit", "network")


@pytest.mark.parametrize(
    "notebook",
    [pytest.param(p, id=p.stem, marks=pytest.mark.slow if p.stem in LONG else ()) for p in NOTEBOOKS],
)
def test_a_notebook_runs(notebook, tmp_path):
    source = str(Path(divulge.__file__).parents[1])
    environment = {"PYTHONPATH": source, "TMPDIR": str(tmp_path), "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    done = forked.run(["-c", PROGRAM], tmp_path, os.environ | environment, json.dumps(code(notebook)))
    assert done.returncode == 0, done.stderr
    assert EXPECTED[notebook.stem] in done.stdout, done.stdout


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_small_and_holds_no_output(notebook):
    content = json.loads(notebook.read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert notebook.stat().st_size < 10_000
    cells = content["cells"]
    assert cells[0]["cell_type"] == "markdown" and "".join(cells[0]["source"]).startswith("# ")
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in cells:
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)


def test_every_notebook_is_linked_from_the_front_pages():
    for page in (ROOT / "README.md", ROOT / "examples" / "README.md"):
        linked = set(re.findall(r"([\w]+)\.ipynb", page.read_text(encoding="utf-8")))
        assert linked == {path.stem for path in NOTEBOOKS} == set(EXPECTED), page
    assert "examples" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
