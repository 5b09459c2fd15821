"""Faults at every point at which an audit writes: a full disk, a kill, a file cut short, a flipped bit.

Each audit is played in a fork of this process, so that a kill is a kill: nothing is flushed, no `finally` runs.  Then
the run is taken up again, and what comes of it is compared with a run that nothing happened to.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

import divulge
from divulge.core.errors import DivulgeError
from divulge.runs.folder import RunFolder

KINDS = ("full disk", "kill before", "kill after", "cut short", "bit flipped")
SPOILED = ("cut short", "bit flipped")
"""Kinds that happen to a file which has just been put in its place; the others happen at any write."""

PLACED = ("replace", "link")
KILLED, SAID, FAULT = 137, 2, 70

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = ((X[:, 0] + RNG.normal(size=120)) > 0).astype(int)
MODEL = LogisticRegression().fit(X[:60], Y[:60])


def audit(place: Path, resume: bool) -> None:
    """A whole small audit, with shadow models, a cache, a baseline and three attacks."""
    where: dict[str, Any] = {"resume": place} if resume else {"out": place}
    sets = ((X[:60], Y[:60]), (X[60:], Y[60:]))
    divulge.audit(MODEL, *sets, attacks=["loss", "rmia", "entropy"], shadows=2, jobs=1, progress=None, **where)


def outcome(place: Path) -> str:
    """Findings, scores and outcomes of a run, as text that is equal for equal runs."""
    run = RunFolder(place)
    found = json.loads((place / "findings.json").read_text())
    scores = {path.stem: run.scores(path.stem) for path in sorted((place / "evidence").glob("*.parquet"))}
    told = {name: pd.util.hash_pandas_object(frame).sum() for name, frame in scores.items()}
    results = [(name, repr(stored)) for name, stored in sorted(run.outcomes().items())]
    text = repr((found["findings"], found["families"], found["verdict"], run.complete, told, results))
    return re.sub(r"('seconds': |seconds=)[0-9.e+-]+", r"\1", text)  # which a clock decides


@dataclass
class Fault:
    """One fault: what happens at the n-th write point.  kind: None counts the points, and does nothing."""

    kind: str | None
    at: int
    seen: int = 0
    placed: int = 0

    def __call__(self, name: str, write: Callable[..., Any], *given: Any, **how: Any) -> Any:
        self.seen += 1
        self.placed += name in PLACED
        here = self.placed if self.kind in SPOILED else self.seen
        if here != self.at or self.kind is None or (self.kind in SPOILED and name not in PLACED):
            return write(*given, **how)
        if self.kind == "full disk":
            raise OSError(errno.ENOSPC, "No space left on device", str(given[0]))
        if self.kind == "kill before":
            os._exit(KILLED)
        made = write(*given, **how)
        if self.kind in SPOILED:
            _spoil(Path(given[1]), self.kind)
        os._exit(KILLED)
        return made


def _spoil(path: Path, kind: str) -> None:
    content = bytearray(path.read_bytes())
    if kind == "cut short":
        del content[len(content) // 2 :]
    elif content:
        content[len(content) // 3] ^= 8
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_TRUNC), "wb") as stream:
        stream.write(content)


def arm(fault: Fault, below: Path) -> None:
    """Let a fault watch every point at which something below a folder is written.  For a process that ends anyway."""
    opened, replace, link, fsync = Path.open, os.replace, os.link, os.fsync

    def open_(path: Path, mode: str = "r", *given: Any, **how: Any) -> Any:
        if any(letter in mode for letter in "wax+") and path.is_relative_to(below):
            return fault("open", opened, path, mode, *given, **how)
        return opened(path, mode, *given, **how)

    Path.open = open_  # type: ignore[method-assign, assignment]
    os.replace = lambda *given, **how: fault("replace", replace, *given, **how)
    os.link = lambda *given, **how: fault("link", link, *given, **how)
    os.fsync = lambda *given: fault("fsync", fsync, *given)


def forked(work: Callable[[], None], said: Path) -> int:
    """Exit code of some work in a fork: 0, SAID for an error of divulge's in one line, FAULT for any other, KILLED."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = FAULT
    try:
        work()
        code = 0
    except DivulgeError as error:
        said.write_text(str(error))
        code = SAID if "\n" not in str(error) else FAULT
    except BaseException:
        said.write_text(traceback.format_exc())
    os._exit(code)


@dataclass(frozen=True)
class Ended:
    """What came of a fault.  how: survived, said (one line tells what is lost) or lost."""

    kind: str
    at: int
    how: str
    words: str = ""


class Faults:
    """Faults into one audit, below a folder of its own."""

    def __init__(self) -> None:
        self._points: dict[str, int] = {}
        self.home = Path(tempfile.mkdtemp(prefix="divulge-faults-")).resolve()
        os.environ["DIVULGE_CACHE"] = str(self.home / "cache")
        audit(self.home / "whole", resume=False)
        self.whole = outcome(self.home / "whole")
        shutil.rmtree(self.home / "cache")

    def points(self) -> dict[str, int]:
        """At how many points the audit can be hit, by the kind of fault; counted once."""
        if self._points:
            return self._points
        counter, told = Fault(None, 0), self.home / "points"

        def work() -> None:
            arm(counter, self.home)
            audit(self.home / "counted", resume=False)
            os.write(os.open(told, os.O_CREAT | os.O_WRONLY), f"{counter.seen} {counter.placed}".encode())

        assert forked(work, self.home / "said") == 0, (self.home / "said").read_text()
        shutil.rmtree(self.home / "cache")
        seen, placed = map(int, told.read_text().split())
        self._points = {kind: placed if kind in SPOILED else seen for kind in KINDS}
        return self._points

    def inject(self, kind: str, at: int) -> Ended:
        """One fault, and what came of it."""
        place, said = self.home / "run", self.home / "said"
        for old in (place, self.home / "cache"):
            shutil.rmtree(old, ignore_errors=True)
        said.unlink(missing_ok=True)

        def work() -> None:
            arm(Fault(kind, at), self.home)
            audit(place, resume=False)

        code = forked(work, said)
        if code == FAULT:
            return Ended(kind, at, "lost", said.read_text())
        again = (place / "run.json").exists()
        code = forked(lambda: audit(place, resume=again), said)
        if code == SAID:
            return Ended(kind, at, "said", said.read_text())
        if code or outcome(place) != self.whole:
            return Ended(kind, at, "lost", said.read_text() if code else "other findings")
        return Ended(kind, at, "survived")

    def close(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.home, ignore_errors=True)


def spread(points: dict[str, int], faults: int) -> Iterator[tuple[str, int]]:
    """So many faults of all kinds, evenly over all points."""
    for n in range(faults):
        kind = KINDS[n % len(KINDS)]
        yield kind, 1 + (n * points[kind]) // faults


def table(ended: list[Ended]) -> pd.DataFrame:
    """Faults injected, survived, told of and lost, by kind."""
    counted = Counter((each.kind, each.how) for each in ended)
    rows = {kind: {how: counted[kind, how] for how in ("survived", "said", "lost")} for kind in KINDS}
    frame = pd.DataFrame(rows).T
    frame.insert(0, "injected", frame.sum(axis=1))
    frame.loc["all"] = frame.sum()
    return frame
