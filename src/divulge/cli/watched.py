"""A command in a process of its own, under the eyes of a second one: a model that takes its process down with it (by
os._exit, a crash in native code, or the memory that it takes) must not end in an exit code that looks like a verdict.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

from divulge.cli.ending import INCOMPLETE
from divulge.cli.screen import complain

WITH_MODELS = ("audit", "demo", "compare", "claim", "epsilon")
"""Commands that run code which is not divulge's."""

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def watched(work: Callable[[], None]) -> None:
    """Do the work, which ends by SystemExit, in a child process, and end as it did; where it ended without a word, say
    so and exit with 3.

    It is done right here for commands that run no model, on systems other than Linux, and where standard output was
    redirected within Python, since the caller then wants to see what becomes of this process.
    """
    alone = threading.active_count() == 1 and sys.stdout is sys.__stdout__
    if sys.platform != "linux" or not alone or not any(word in WITH_MODELS for word in sys.argv[1:2]):
        work()
        return
    told, tell = os.pipe()
    watching = {signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, watching)
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watching)
        os.close(told)
        _done(work, tell)
    os.close(tell)
    status = _waited(child, watching)
    if not os.read(told, 1):
        how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        memory = "; was there too little memory?" if status == -signal.SIGKILL else ""
        complain(
            f"the process died while code that is not divulge's was running ({how}){memory}: there is no verdict; what "
            "was found is kept, go on with: divulge audit --resume RUN"
        )
        sys.exit(INCOMPLETE)
    sys.exit(status)


def _done(work: Callable[[], None], tell: int) -> None:
    """The work, and a word to the other process that it has come to its end."""
    try:
        work()
    finally:
        os.write(tell, b".")
    sys.exit(0)


def _waited(child: int, watching: set[signal.Signals]) -> int:
    """The exit status of a child, negative for a signal.  What other processes send is handed on to it; what a terminal
    sends has reached it already.
    """
    while True:
        came = signal.sigwaitinfo(watching)
        if came.si_signo != signal.SIGCHLD:
            if came.si_code <= 0:
                os.kill(child, came.si_signo)
            continue
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended == child:
            return os.waitstatus_to_exitcode(status)
