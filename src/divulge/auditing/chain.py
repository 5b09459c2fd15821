"""The steps that a stolen copy opens up: their names, and when they make sense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from divulge.core.errors import InputError
from divulge.core.threat import Family

TITLES = {
    "membership": "White-box membership",
    "adversarial": "Adversarial examples",
    "inversion": "Class representatives",
}
STEPS = tuple(TITLES)


def checked_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps of a chain; raises InputError for an unknown one."""
    for step in steps:
        if step not in STEPS:
            raise InputError(f"chain: {step!r} is unknown: choose from {', '.join(STEPS)}")
    return tuple(steps)


def chain_of(attacks: Sequence[Any], steps: Sequence[str]) -> tuple[str, ...]:
    """Steps that make sense for these attacks; raises InputError where nothing makes a copy."""
    if steps and not any(a.card.family is Family.EXTRACTION for a in attacks):
        raise InputError("chain: no attack of the audit copies the model: add `families: [membership, extraction]`")
    return checked_steps(steps)
