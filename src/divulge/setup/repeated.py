"""One attack with several settings in one audit: each is played, and reported, under a name of its own."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from divulge.core.attack import Attack
from divulge.core.errors import InputError


def told_apart(attacks: Sequence[Attack[Any, Any]]) -> list[Attack[Any, Any]]:
    """The attacks; of one that is there several times the second is `NAME-2`, the third `NAME-3`, and the titles of all
    say the settings in which they differ.

    Raises InputError where one is there twice with the same settings.
    """
    counts = Counter(attack.card.name for attack in attacks)
    met: Counter[str] = Counter()
    named = []
    for attack in attacks:
        name = attack.card.name
        met[name] += 1
        if counts[name] == 1:
            named.append(attack)
            continue
        same = [other for other in attacks if other.card.name == name]
        if any(other is not attack and repr(other) == repr(attack) for other in same) or not is_dataclass(attack):
            raise InputError(f"attack {name!r} is listed twice: list it once, or with other settings")
        named.append(_renamed(attack, met[name], _differing(attack, same)))
    return named


def _differing(attack: Any, same: Sequence[Any]) -> str:
    """The settings that are not the same in all of them, as this attack has them."""
    settings = [field.name for field in fields(attack) if len({repr(getattr(a, field.name)) for a in same}) > 1]
    return ", ".join(f"{name} {getattr(attack, name)}" for name in settings)


def _renamed(attack: Any, number: int, settings: str) -> Any:
    card = attack.card
    name = card.name if number == 1 else f"{card.name}-{number}"
    apart = copy.copy(attack)
    object.__setattr__(apart, "card", replace(card, name=name, title=f"{card.title} ({settings})"))
    return apart
