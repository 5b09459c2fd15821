"""Every error that divulge raises on purpose.

DivulgeError
├── InputError            what the user gave is wrong; the message names the cure (exit code 2)
│   └── MissingExtra      a heavy library is not installed; the message is the pip line
├── AccessDenied          an attack asked for more than the threat model grants
│   └── BudgetSpent       the query budget is used up
├── TargetError           the audited model crashed, or answered with something that is no answer
└── Impossible            the game cannot be played here (no recipe, say); becomes a Refused outcome
"""

from __future__ import annotations

FOREIGN: tuple[type[BaseException], ...] = (Exception, SystemExit, GeneratorExit)
"""What code that is not divulge's own may raise and what is then its failure: an audit must not end with the exit code
of a model that calls sys.exit.  KeyboardInterrupt is not among them: it is the user who interrupts.
"""


MOST = 1_000
"""Characters of what foreign code says that are kept."""


def raised(error: BaseException) -> str:
    """An exception of foreign code in one line: its kind, and the first line of what it says."""
    if isinstance(error, SystemExit):
        return f"it wanted to end the program (sys.exit({'' if error.code is None else repr(error.code)}))"
    first = (str(error)[:MOST].splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


class DivulgeError(Exception):
    """The root: catch this to catch everything divulge raises on purpose."""


class Notice(UserWarning):
    """Something that divulge did with what it was given, and that the user may not expect: one line."""


class InputError(DivulgeError):
    """What the user gave is wrong.  One line: which file or argument, what was expected, what to do."""


class MissingExtra(InputError):
    """An optional library is missing."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f'{library} is not installed: run  pip install "divulge[{extra}]"')


class AccessDenied(DivulgeError):
    """An attack asked for something that its threat model, or its own card, does not grant."""


class BudgetSpent(AccessDenied):
    """The next query would exceed the query budget of the threat model."""


class TargetError(DivulgeError):
    """The audited model raised, or its answer has the wrong shape or is not finite."""


class Impossible(DivulgeError):
    """A part of the game that cannot be played with what was given; the message says what is missing."""
