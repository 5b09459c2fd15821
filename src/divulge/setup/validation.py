"""What is wrong with a file of keys and values, all of it in one line."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from divulge.data.yaml_text import Lines, line_of

MOST = 10
"""Complaints that one line names."""


KINDS = {
    "string_type": "text",
    "path_type": "a path",
    "int_": "a whole number",
    "float_": "a number",
    "bool_": "true or false",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
}
"""What a value was to be, by the start of pydantic's name for the mistake."""


def complaints(
    error: ValidationError, model: type[BaseModel], beside: Sequence[str] = (), lines: Lines | None = None
) -> str:
    """Pydantic's complaints as a person would say them: where, what is wrong, and which key was probably meant.

    model: what the file, or the keywords of a call, were read as.  beside: what else that call takes.
    lines: of a file, where each value stands.
    """
    found: dict[tuple[Any, ...], str] = {}
    for one in error.errors():
        where = tuple(part for part in one["loc"] if not _of_a_choice(part))
        found.setdefault(where, _said(one, where, model, beside))
    meant = {(*where[:-1], said.split("did you mean ")[-1].strip("?'")) for where, said in found.items() if where}
    shown = [
        (f"{'.'.join(map(str, where))}: {said}" if where else said) + _in_line(lines, where)
        for where, said in found.items()
        # A part that may also be one word is not blamed for being no word, where what is in it is at fault.
        if not any(len(other) > len(where) > 0 and other[: len(where)] == where for other in found)
        and not (said.startswith("is missing") and where in meant)
    ]
    more = f"; and {len(shown) - MOST} more" if len(shown) > MOST else ""
    return "; ".join(shown[:MOST]) + more


def _in_line(lines: Lines | None, where: tuple[Any, ...]) -> str:
    line = line_of(lines, where) if lines is not None else None
    return f" (line {line})" if line is not None else ""


def _said(one: Any, where: tuple[Any, ...], model: type[BaseModel], beside: Sequence[str]) -> str:
    if one["type"] == "extra_forbidden":
        known = [*_keys(model, where[:-1]), *(beside if len(where) == 1 else ())]
        near = difflib.get_close_matches(str(where[-1]), known, 1, 0.6)
        return "no such key: " + (
            f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}" if known else "leave it out"
        )
    if one["type"] == "missing":
        return "is missing: see `divulge audit --schema`"
    kind = next((kind for start, kind in KINDS.items() if one["type"].startswith(start)), None)
    if kind is not None:
        return f"expected {kind}, not {one['input']!r}"[:120]
    text = str(one["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    if one["type"] == "literal_error" and isinstance(one["input"], str):
        choices = [word.strip(" '") for word in one["ctx"]["expected"].replace(" or ", ", ").split(",")]
        near = difflib.get_close_matches(one["input"], choices, 1, 0.6)
        return f"{one['input']!r} is unknown: " + (
            f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(choices)}"
        )
    return text


def _keys(model: type[BaseModel], where: tuple[Any, ...]) -> list[str]:
    """The keys of the part of a file that stands at this place."""
    here: type[BaseModel] | None = model
    for part in where:
        if here is None or part not in here.model_fields:
            return []
        here = part_of(here.model_fields[part].annotation)
    return keys_of(here) if here is not None else []


def keys_of(part: type[BaseModel]) -> list[str]:
    """The keys of a part: those of its own before those that it shares with others."""
    shared = {name for base in part.__mro__[1:] for name in getattr(base, "model_fields", {})}
    return sorted(part.model_fields, key=lambda name: name in shared)


def part_of(annotation: Any) -> type[BaseModel] | None:
    """The kind of part that a key holds; None where it holds a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(part_of, get_args(annotation)) if found is not None), None)


def _of_a_choice(part: Any) -> bool:
    """Whether a place is not a key but pydantic's name for one of several kinds that a value may have."""
    return isinstance(part, str) and ("[" in part or part.endswith(("Part", "File")) or part in ("str", "int", "path"))
