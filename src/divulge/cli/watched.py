"""A command in a process of its own, under the eyes of a second one: a model that takes its process down with it (by
os._exit, a crash in native code, or the memory that it takes) must not end in an exit code that looks like a verdict.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from divulge.cli.ending import FAULT, INCOMPLETE
from divulge.cli.screen import complain
from divulge.core.boundary import watch
from divulge.runs.index_address import is_shared

WITH_MODELS = ("audit", "demo", "compare", "claim", "canaries", "epsilon")
"""Commands that run code which is not divulge's."""

WATCHING = {signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP} if sys.platform == "linux" else set()
LOOK_EVERY = 0.2
"""Seconds."""

GRACE, SOON = 10.0, 2.0
"""Seconds that a process has to end once it has told how it ends (threads of a model may never), and those that it has
begun once it has ended (helpers of joblib tidy up then).
"""

_DIE_WITH_PARENT, _ADOPT_ORPHANS = 1, 36  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER


def watched(work: Callable[[], None]) -> None:
    """Do the work, which ends by SystemExit, in a child process, and end as it did; where it ended without a word, say
    so and exit with 3.

    An audit goes on after that: the attack that was being played has failed, and the others are played in a new
    process, which takes the run up again.  So it is where a model takes longer to answer, or more memory, than the
    limits of the audit file allow.

    It is done right here for commands that run no model, on systems other than Linux, and where standard output was
    redirected within Python, since the caller then wants to see what becomes of this process.
    """
    alone = threading.active_count() == 1 and sys.stdout is sys.__stdout__
    if sys.platform != "linux" or not alone or not any(word in WITH_MODELS for word in sys.argv[1:2]):
        work()
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHING)
    board = watch.Board()
    while True:
        status, how = _in_a_child(work, board)
        _entered(board)
        if how is None:
            sys.exit(status)
        place, attack = Path(board.text("place")), board.text("attack")
        begun = bool(attack) and (place / "run.json").is_file()
        if not begun or attack in board.died or sys.argv[1] != "audit":
            complain(
                f"the process died while code that is not divulge's was running ({how}): there is no verdict; what "
                "was found is kept, go on with: divulge audit --resume RUN"
            )
            sys.exit(INCOMPLETE)
        board.died[attack], board.resumed = how, place
        board.clear()


def _entered(board: watch.Board) -> None:
    """Enter the run in an index that several machines share: the process that played it may have no network."""
    if is_shared() and board.text("place"):
        from divulge.runs.index import enter

        enter(Path(board.text("place")))


@dataclass
class _Word:
    """What a process tells the one that watches it when it has come to its end: how it ends.

    A mark that nobody can guess goes before it, and nothing is believed of what a fork of the process writes: code of a
    model may write into every pipe that it finds, and may go on in a process of its own.
    """

    told: int
    mark: bytes
    status: int | None = None

    def heard(self) -> bool:
        """Whether it was told; never waits."""
        while self.status is None and select.select([self.told], [], [], 0)[0]:
            content = os.read(self.told, 4096)
            if not content:
                break
            if content.startswith(self.mark):
                self.status = content[len(self.mark)]
        return self.status is not None


def _in_a_child(work: Callable[[], None], board: watch.Board) -> tuple[int, str | None]:
    """The work in a child process: its exit status, and how it died, None where it came to its end.  Whatever processes
    it has begun end with it.
    """
    told, tell = os.pipe()
    word = _Word(told, secrets.token_bytes(16))
    sys.stdout.flush()
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHING)
        os.close(told)
        watch.watched_by(board)
        _done(work, tell, word.mark)
    os.close(tell)
    status, why = _waited(child, board, word)
    ended = word.heard()
    os.close(told)
    _end_orphans()
    if ended and word.status is not None:
        return word.status, None
    if why is None:
        why = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        why += "; was there too little memory?" if status == -signal.SIGKILL else ""
    return status, why


def _done(work: Callable[[], None], tell: int, mark: bytes) -> None:
    """The work, and a word to the other process that it has come to its end, and how; forks of it have none."""
    own, status = os.getpid(), FAULT
    try:
        work()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else FAULT
    finally:
        if os.getpid() != own:
            os._exit(FAULT)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        with suppress(OSError):  # code of a model may have closed it: then nobody hears that there is a verdict
            os.write(tell, mark + bytes([status & 0xFF]))
    sys.exit(status)


def _waited(child: int, board: watch.Board, word: _Word) -> tuple[int, str | None]:
    """The exit status of a child, negative for a signal, and why it was killed, if it was for its limits.  What other
    processes send is handed on to it; what a terminal sends has reached it already.
    """
    why: str | None = None
    since: float | None = None
    while True:
        came = signal.sigtimedwait(WATCHING, LOOK_EVERY)
        if came is not None and came.si_signo != signal.SIGCHLD:
            if came.si_code <= 0:
                os.kill(child, came.si_signo)
            continue
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended == child:
            return os.waitstatus_to_exitcode(status), why
        if word.heard():
            since = time.monotonic() if since is None else since
            if time.monotonic() - since > GRACE:
                os.kill(child, signal.SIGKILL)
        elif why is None and (why := _over(child, board)):
            os.kill(child, signal.SIGKILL)


def _end_orphans() -> None:
    """End what a process has left behind: forks of it would go on writing to the run, and hold what it held."""
    until = time.monotonic() + SOON
    ours = Path(f"/proc/self/task/{os.getpid()}/children")
    with suppress(ChildProcessError):  # there are none left
        while True:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
            if time.monotonic() > until:
                for process in _numbers(ours):  # those that end hand on theirs
                    os.kill(process, signal.SIGKILL)
                if not _numbers(ours):
                    return
            time.sleep(0.01)


def _numbers(path: Path) -> list[int]:
    with suppress(OSError, ValueError):
        return [int(word) for word in path.read_text(encoding="ascii").split()]
    return []


def _over(child: int, board: watch.Board) -> str | None:
    """Which limit a process has passed; None for none."""
    since, seconds, memory = board.numbers()
    if since and seconds and time.monotonic() - since > seconds:
        return f"it gave no answer within {seconds:g} s; limits: {{seconds: ...}} of the audit file gives it more"
    if memory and _resident(child) > memory:
        return f"it took more than {memory / 1e9:.3g} GB of memory; limits: {{memory: ...}} of the audit file sets that"
    return None


def _resident(process: int) -> int:
    """The bytes of memory that a process holds."""
    try:
        with open(f"/proc/{process}/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
