"""How long until a command that runs no model answers, and which heavy libraries does it load?"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import divulge
from divulge.core.hashing import derived_rng
from harness import Row, main, seconds

HEAVY = ("torch", "sklearn", "scipy", "pandas", "pyarrow", "sqlalchemy", "pydantic", "jinja2", "rich")

PYTHON = "import divulge; divulge.audit"
COMMAND = "import sys; sys.argv = ['divulge', *sys.argv[1:]]; from divulge.cli.app import main; main()"
LISTS = (
    f"import atexit, sys; atexit.register(lambda: print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr));"
)

BARS = {PYTHON: 0.5, "attacks": 1.0}
"""Seconds on two idle cores."""


def measure(quick: bool) -> Iterator[Row]:
    """Best of five starts of a process, of two where it is quick.  Compiled modules are there, as after the first
    start of an installed divulge.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = str(_run(Path(folder)))
        places = {"PYTHONPYCACHEPREFIX": folder, "DIVULGE_CACHE": folder}
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | places
        typed = ("--version", "--help", "attacks", "papers", "cache", f"gate {run}", f"report {run} -o -")
        for line in (PYTHON, *typed):
            given = (LISTS + PYTHON,) if line == PYTHON else (LISTS + COMMAND, *line.split())

            def start(given: tuple[str, ...] = given) -> str:
                command = [sys.executable, "-c", *given]
                return subprocess.run(command, check=False, capture_output=True, text=True, env=environment).stderr

            loaded = ast.literal_eval(start().splitlines()[-1])
            best = min(seconds(start) for _ in range(2 if quick else 5))
            shown = line if line == PYTHON else "divulge " + line.replace(run, "RUN")
            name = f"{shown}: {', '.join(loaded) or 'nothing heavy'}"
            yield Row(name, best, bar=None if quick else BARS.get(line), better="below")


def _run(folder: Path) -> Path:
    """The folder of an audit."""
    rng = derived_rng(0, "startup")
    keep = rng.random((1, 400)) < 0.5
    table = divulge.ScoreTable(None, rng.normal(size=(1, 400)) + keep, keep, np.zeros(400, dtype=np.int64))
    return divulge.audit(table, out=folder / "run", progress=None).folder


if __name__ == "__main__":
    main("How long until a command answers, and what does it load?", measure)
