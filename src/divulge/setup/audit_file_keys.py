"""The keys of an audit file in words: a page made from the models that files are checked with."""

from __future__ import annotations

import inspect
import re
import textwrap
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import SkipJsonSchema

from divulge.setup.audit_file import AuditFile
from divulge.setup.option_types import AuditOptions
from divulge.setup.settings import Options
from divulge.setup.validation import keys_of, part_of

HEAD = """# The keys of an audit file

`divulge init` writes a first audit file, `divulge audit audit.yaml --dry-run` checks one, `divulge audit --schema`
prints the JSON schema for an editor. Paths are relative to the audit file. This page is what `divulge audit --keys`
prints.
"""

WIDTH = 120
"""Columns of a docstring."""

ONLY_PYTHON: type = SkipJsonSchema
"""What marks a kind of value as an object, which no file can hold."""

PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    type(None): "nothing",
    Any: "anything",
}


def page() -> str:
    """All keys, part by part, as Markdown."""
    parts: dict[str, type[BaseModel]] = {"": AuditFile}
    for name in keys_of(AuditFile):
        _add(parts, name, AuditFile.model_fields[name])
    return HEAD + "".join(_section(path, part) for path, part in parts.items())


def meanings(part: type[BaseModel]) -> dict[str, str]:
    """What each key of a part means: its description, or what the docstring of the part says about it, as `key: what it
    is.` or `one, other: what they are.`
    """
    found = {n: " ".join(f.description.split()) for n, f in part.model_fields.items() if f.description}
    return found or _in_docstring(part)


def options_of_a_call() -> str:
    """What the docstring of `divulge.audit` says about its options: the keys that Python has too, as this page does."""
    explained = meanings(Options)
    lines = [
        textwrap.fill(f"{name}: {explained[name]}.", WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8)
        for name in AuditOptions.__annotations__
    ]
    return "\n".join(lines)


def _in_docstring(part: type[BaseModel]) -> dict[str, str]:
    text = " ".join((inspect.getdoc(part) or "").split())
    names = "|".join(map(re.escape, part.model_fields))
    found = list(re.finditer(rf"(?:^|(?<=[.;] )|(?<=[.;]  ))((?:{names})(?:, (?:{names}))*): ", text))
    explained = {}
    for place, match in enumerate(found):
        end = found[place + 1].start() if place + 1 < len(found) else len(text)
        for name in match[1].split(", "):
            explained[name] = text[match.end() : end].strip().rstrip(";.")
    return explained


def _add(parts: dict[str, type[BaseModel]], path: str, field: FieldInfo) -> None:
    inner = part_of(field.annotation)
    if inner is not None:
        parts[path] = inner
        for name in keys_of(inner):
            _add(parts, f"{path}.{name}", inner.model_fields[name])


def _section(path: str, part: type[BaseModel]) -> str:
    explained = meanings(part)
    lead = (inspect.getdoc(part) or "").split("\n\n")[0].replace("\n", " ")
    first = re.split(r"(?<=\.) +(?=\w+(?:, \w+)*: )", lead)[0]
    lines = [f"\n## {path or 'The file'}\n\n{first if not re.match(r'[a-z_]+: ', first) else ''}".rstrip() + "\n"]
    lines += ["| key | value | when left out | meaning |", "|---|---|---|---|"]
    for name in keys_of(part):
        field = part.model_fields[name]
        cells = f"`{name}`", _kind(field.annotation), _default(field), explained.get(name, "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "keys, see below"
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        written = [one for one in inner if one is not type(None) and not _only_python(one)]
        return " or ".join(dict.fromkeys(map(_kind, written)))
    if origin in (list, tuple):
        return f"list of {_kind(inner[0])}"
    if origin is dict and inner[1] not in PLAIN and part_of(inner[1]) is None:
        return "a name with its settings"
    if origin is dict:
        return f"keys with {_kind(inner[1])}"
    if getattr(annotation, "__metadata__", None):
        return _kind(inner[0])
    return PLAIN.get(annotation, str(annotation))


def _only_python(annotation: Any) -> bool:
    """Whether no file can hold such a value."""
    return any(type(mark) is ONLY_PYTHON for mark in getattr(annotation, "__metadata__", ()))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value in (None, "", [], {}):
        return ""
    return (
        "its own defaults"
        if isinstance(value, BaseModel)
        else f"`{value}`".replace("True", "true").replace("False", "false")
    )
