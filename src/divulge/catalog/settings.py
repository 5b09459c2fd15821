"""Settings of attacks and defences: whether a value is of the kind that its declaration asks for."""

from __future__ import annotations

import dataclasses
import inspect
import math
from numbers import Integral, Real
from typing import Any

from divulge.core.errors import InputError

KINDS = {"bool": "true or false", "int": "a whole number", "float": "a finite number", "str": "text"}
"""Declarations that are checked, with what they ask for; others are left to their owners."""


def fits(name: str, kind: Any, settings: dict[str, Any]) -> None:
    """Raises InputError for a setting that the class `kind` does not take, or of another type than it declares.

    Whether a number is finite, see `finite`, and in range is for after the owner's own checks, whose words are better.
    """
    fields, taken = _fields(kind), inspect.signature(kind).parameters
    unknown = [key for key in settings if key not in taken]
    if unknown and not any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        raise InputError(f"{name} has no setting {unknown[0]!r}: it takes {', '.join(taken) or 'none'}")
    for key, value in settings.items():
        if key in fields and not _is(fields[key], value):
            raise InputError(f"{name}.{key} is {value!r}: give {KINDS[_declared(fields[key])[0]]}")


def finite(name: str, thing: Any) -> None:
    """Raises InputError where a setting of an attack or defence is of another type than declared, or not a number."""
    for key, field in _fields(type(thing)).items():
        value = getattr(thing, key, None)
        declared = _declared(field)[0]
        infinite = declared == "float" and isinstance(value, Real) and not math.isfinite(float(value))
        if infinite or not _is(field, value):
            raise InputError(f"{name}.{key} is {value!r}: give {KINDS[declared]}")


def _fields(kind: Any) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else {}


def _declared(field: dataclasses.Field[Any]) -> tuple[str, bool]:
    """The declared type by name, and whether None will do."""
    text = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
    parts = [part.strip() for part in text.split("|")]
    return parts[0], "None" in parts[1:]


def _is(field: dataclasses.Field[Any], value: Any) -> bool:
    declared, empty = _declared(field)
    if declared not in KINDS or (value is None and empty):
        return True
    if declared == "str":
        return isinstance(value, str)
    if declared == "bool":
        return isinstance(value, bool)
    return isinstance(value, Integral if declared == "int" else Real) and not isinstance(value, bool)
