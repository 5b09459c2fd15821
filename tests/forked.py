"""Programs in processes of their own that need not import what nearly all of them import: they are forked from one that
has done so, asked for nothing yet, and stays as it is.

`run` is subprocess.run with captured output for `python -c CODE` and `python -m MODULE ARGUMENTS`.  What is to be seen
from the start of an interpreter on (encodings, what is imported, how a process dies) belongs to subprocess itself.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

SERVER = """
import atexit, gc, json, os, runpy, sys, threading, traceback

import joblib, numpy, pandas, pyarrow.parquet, scipy.stats, sklearn.ensemble, sklearn.pipeline, sqlalchemy, torch
import divulge.cli.app, divulge.workflows.run_audit, divulge.setup.from_file, divulge.report, divulge.runs.index


def became(asked):
    for stream, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        file = os.open(asked[name], os.O_RDONLY if stream == 0 else os.O_WRONLY)
        os.dup2(file, stream)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    numpy.random.seed()
    kind, what, *words = asked["arguments"]
    if kind == "-c":
        sys.argv = ["-c", *words]
        exec(compile(what, "<string>", "exec"), sys.modules["__main__"].__dict__)
    else:
        sys.path[0], sys.argv = asked["cwd"], [what, *words]
        sys.modules.pop(what, None)
        runpy.run_module(what, run_name="__main__", alter_sys=True)


def ended(asked):
    '''How the interpreter would end, but for taking everything apart.'''
    status = 0
    try:
        became(asked)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if status and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 0xFF)


gc.freeze()
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        ended(json.loads(line))
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class _Server:
    """The process that is forked, one for each that runs tests."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self.process.kill)

    def ask(self, request: dict[str, Any]) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the process that programs are forked from has died"
        return int(answer)


@cache
def _server(owner: int) -> _Server:
    return _Server()


def run(
    arguments: list[str], cwd: Path | str | None = None, env: dict[str, str] | None = None, input: str = ""
) -> subprocess.CompletedProcess[str]:
    """What `python ARGUMENTS` prints and how it ends."""
    if not hasattr(os, "fork"):
        return subprocess.run(
            [sys.executable, *arguments], cwd=cwd, env=env, input=input, capture_output=True, text=True
        )
    with tempfile.TemporaryDirectory(prefix="divulge-forked-") as place:
        paths = {name: Path(place, name) for name in ("stdin", "stdout", "stderr")}
        for path in paths.values():
            path.write_text("")
        paths["stdin"].write_text(input, encoding="utf-8")
        request = {name: str(path) for name, path in paths.items()}
        where = str(Path(cwd or Path.cwd()).resolve())
        environment = dict(os.environ if env is None else env)
        status = _server(os.getpid()).ask(request | {"arguments": arguments, "cwd": where, "env": environment})
        out, err = (paths[name].read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess([sys.executable, *arguments], status, out, err)
