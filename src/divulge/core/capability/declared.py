"""Whether a thing has a capability."""

from __future__ import annotations

from typing import Any, Protocol, TypeGuard, TypeVar

from divulge.core.recipe import Recipe
from divulge.core.target import Target

Capability = TypeVar("Capability")

_BASES = (Target, Recipe, Protocol, object)
"""What every target or recipe has says nothing about a capability."""


def names_of(capability: type[Any]) -> frozenset[str]:
    """The names that a capability declares beyond what every target or recipe has."""
    kinds = [kind for kind in capability.__mro__ if kind not in _BASES and kind.__module__ != "typing"]
    declared = {name for kind in kinds for name in (*vars(kind), *vars(kind).get("__annotations__", {}))}
    return frozenset(name for name in declared if not name.startswith("_"))


def able(thing: object, capability: type[Capability]) -> TypeGuard[Capability]:
    """Whether a thing has every name of a capability: its own, or passed on by what it stands in front of.

    It takes the place of `isinstance` with a runtime protocol, which from Python 3.12 on does not see what a wrapper
    passes on by `__getattr__`, and sees a property where reading it raises AttributeError.
    """
    return all(hasattr(thing, name) for name in names_of(capability))
