"""How a command ends: with a verdict, or with one line and an exit code that says that there is none."""

from __future__ import annotations

import atexit
import errno
import os
import re
import sys
import tempfile
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any, NoReturn, cast

import typer
from typer.core import TyperGroup

from divulge.cli.screen import complain, out
from divulge.core.boundary.streams import silence
from divulge.core.boundary.watch import watcher
from divulge.core.errors import DivulgeError, Notice, raised

LEAK, WRONG_INPUT, INCOMPLETE = 1, 2, 3
"""Exit codes besides 0, for examined and clean."""

FAULT = 70
"""Of divulge itself, as EX_SOFTWARE of sysexits.h: neither a verdict nor a word about what was given."""


UNHEARD = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT)
"""Of an output that is full, closed, or gone."""

NO_PLACE = frozenset(
    {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP}
    | {errno.ENOENT, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EEXIST}
)
"""What a system says of a path that a user has named, and that can be no such file, or takes nothing."""

_SPOKEN: Any = tuple(
    kind for kind in typer.BadParameter.__mro__ if issubclass(kind, Exception) and kind is not Exception
)
"""What typer raises about arguments, the narrowest first: click's classes, or those of the copy in later versions."""

_USAGE: Any = _SPOKEN[1]


class Verbs(TyperGroup):
    """The commands.  What they raise ends in one line on standard error, and never in the exit code of a leak."""

    def invoke(self, ctx: Any) -> object:
        """Run one command."""
        out.lost = ""
        hooks = sys.unraisablehook, threading.excepthook
        sys.unraisablehook = threading.excepthook = _aside
        try:
            return self._run(ctx)
        finally:
            sys.unraisablehook, threading.excepthook = hooks
            _check_heard()

    def _run(self, ctx: Any) -> object:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", Notice)
                warnings.showwarning = cast(Any, _shown)
                return super().invoke(ctx)
        except (*_SPOKEN, typer.Exit, typer.Abort):
            raise
        except DivulgeError as error:
            _end(str(error), WRONG_INPUT)
        except KeyboardInterrupt:
            _end("interrupted", INCOMPLETE)
        except BrokenPipeError:
            # Whoever read the output has seen enough of it: nothing more can be said.
            silence(1)
            raise typer.Exit(INCOMPLETE) from None
        except OSError as error:  # of what is written without a console
            if error.filename is not None and error.errno in NO_PLACE:
                _end(f"{error.filename} cannot be used ({error.strerror}): name another place", WRONG_INPUT)
            if error.filename is not None or error.errno not in UNHEARD:
                _fault(error)
            out.lost = raised(error)
            return None
        except Exception as error:
            _fault(error)
        except (SystemExit, GeneratorExit) as error:
            if isinstance(error.__context__, BrokenPipeError):  # rich ends the program where nobody reads on
                raise typer.Exit(INCOMPLETE) from None
            # of a model, a recipe or an attack: divulge ends by typer.Exit
            _end(f"code that is not divulge's broke off: {raised(error)}: the trace is in {_kept()}", INCOMPLETE)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command; what was meant by an unknown one is asked once, though click and typer both ask."""
        try:
            return super().resolve_command(ctx, args)
        except _USAGE as error:
            once = re.sub(r"(\s*Did you mean [^?]*\?)\1+", r"\1", error.message)
            raise _USAGE(once, error.ctx) from None


def _fault(error: Exception) -> NoReturn:
    _end(f"this is a fault of divulge's ({raised(error)}), not a verdict: the trace is in {_kept()}", FAULT)


def _aside(what: Any) -> None:
    """Of an exception in a thread, or in what native code has called, which no `except` can catch: one line."""
    error = what.exc_value
    if isinstance(error, Exception):
        complain(f"note: code that runs aside broke off: {raised(error)}")


def _check_heard() -> None:
    """Raises typer.Exit(3) where an output has taken less than was written to it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except (OSError, ValueError) as error:
        out.lost = raised(error)
    if out.lost:
        silence(1)
        _end(f"output took less than was written to it ({out.lost}): a run is kept in its folder", INCOMPLETE)


def leave(code: object) -> None:
    """End the process with this exit code once all has been done that Python does at its end, where it can be done; the
    rest is left out.

    When the C++ libraries of a process are taken down, threads of pyarrow that are still at work abort it, now and then
    on a busy machine, and the exit code, which may be a verdict, is lost.
    """
    if sys.stdout is not sys.__stdout__ or "pyarrow" not in sys.modules or not (code is None or isinstance(code, int)):
        return
    cast(Any, threading)._shutdown()
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            cast(Any, stream).flush()
    except (OSError, ValueError, AttributeError):  # closed or full: how that ends is Python's to say
        return
    os._exit(code or 0)


def _end(message: str, code: int) -> NoReturn:
    complain(message)
    raise typer.Exit(code)


def _shown(message: Warning | str, category: type[Warning], *where: object) -> None:
    """A notice as one line on standard error; whatever else a library warns of as Python shows it."""
    if issubclass(category, Notice):
        complain(f"note: {message}")
    else:
        _PYTHONS(message, category, *where)


_PYTHONS: Any = warnings.showwarning


def _kept() -> str:
    """The path of a file that holds the trace of the exception at hand, in the run that was being played where there is
    one; only its owner can read it.
    """
    board = watcher()
    place = Path(board.text("place")) if board is not None and board.text("place") else None
    for folder in (place, None):
        try:
            handle, path = tempfile.mkstemp(prefix="divulge-", suffix=".txt", dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
                stream.write(traceback.format_exc())
            return path
        except OSError:
            continue
    return "no file: the disk takes nothing"
