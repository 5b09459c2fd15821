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


class DivulgeError(Exception):
    """The root: catch this to catch everything divulge raises on purpose."""


class InputError(DivulgeError):
    """What the user gave is wrong.  One line: which file or argument, what was expected, what to do."""


class MissingExtra(InputError):
    """An optional library is missing."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed: run  pip install 'divulge[{extra}]'")


class AccessDenied(DivulgeError):
    """An attack asked for something that its threat model, or its own card, does not grant."""


class BudgetSpent(AccessDenied):
    """The next query would exceed the query budget of the threat model."""


class TargetError(DivulgeError):
    """The audited model raised, or its answer has the wrong shape or is not finite."""


class Impossible(DivulgeError):
    """A part of the game that cannot be played with what was given; the message says what is missing."""
