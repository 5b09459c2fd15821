"""Standard streams: where one is closed, full, or gone, what is written to it is lost, and nothing else; where one has
another encoding, it shows what it can.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from contextlib import suppress


def stand_in() -> None:
    """Let something stand where a standard stream was closed before the program began: Python has None there, and the
    next file that is opened would be taken for the stream.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            stream = os.fdopen(number, "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def silence(number: int) -> None:
    """Let what is still to be written to standard output (1) or error (2) go nowhere, without a complaint."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)


SIMPLER = "divulge.simpler"
"""The name under which Python knows `_simpler`."""

SIGNS = {
    "▲": "^",
    "○": "o",
    "✕": "x",
    "⊘": "/",
    "–": "-",
    "—": "-",
    "·": "*",
    "…": "...",
    "²": "2",
    "≥": ">=",
    "≤": "<=",
}
SIGNS |= {"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " ", "\u202f": " ", "━": "-", "╸": "-", "╺": "-", "×": "x"}
"""What stands for a sign where an encoding lacks it."""


def _simpler(error: UnicodeError) -> tuple[str, int]:
    """An error handler of codecs: a letter without its accent, a sign that resembles it, or a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = []
    for character in error.object[error.start : error.end]:
        bare = SIGNS.get(character) or unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
        found.append(bare or "?")
    return "".join(found), error.end


def speak_unicode() -> None:
    """Let output hold the marks of verdicts, also where a system has another encoding for pipes, as Windows has.

    A document that is piped is UTF-8, as its HTML says of itself.  A terminal, or an encoding that was asked for by
    PYTHONIOENCODING, stays as it is, and what it cannot show is shown by signs that it has.
    """
    codecs.register_error(SIMPLER, _simpler)
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper) or stream.encoding.lower().startswith("utf"):
            continue
        if stream.isatty() or os.environ.get("PYTHONIOENCODING"):
            stream.reconfigure(errors=SIMPLER)
        else:
            stream.reconfigure(encoding="utf-8")
