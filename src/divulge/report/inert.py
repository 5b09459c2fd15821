"""Words of others made harmless before they are drawn: names, titles, errors, and what a stranger's run folder says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

from divulge.core.wording import printable

Thing = TypeVar("Thing")

_OPENS = re.compile(r"<(?=[A-Za-z/!?])")
_STARTS = re.compile(r"^(\s*)([#>+*=-]|\d+[.)])(?=\s|$)")
_PLOTLY = re.compile(r"<(?!br>|/?extra>)")


def changed(thing: Thing, change: Callable[[str], str]) -> Thing:
    """The same with every text in it changed, those that are keys too, so that what belonged together still does.

    Within are dataclasses, tuples, lists, sets and mappings; whatever else there is stays as it is.
    """
    return _changed(thing, change)  # type: ignore[no-any-return]


def _changed(thing: Any, change: Callable[[str], str]) -> Any:
    if isinstance(thing, Enum):
        return thing
    if isinstance(thing, str):
        return change(thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        inert = object.__new__(type(thing))  # as it is: what its constructor would check was checked
        for field in fields(thing):
            object.__setattr__(inert, field.name, _changed(getattr(thing, field.name), change))
        return inert
    if isinstance(thing, Mapping):
        return {_changed(key, change): _changed(value, change) for key, value in thing.items()}
    if isinstance(thing, tuple | list | set | frozenset):
        if all(isinstance(part, float | int) for part in thing):
            return thing
        parts = [_changed(part, change) for part in thing]
        return type(thing)(*parts) if hasattr(thing, "_fields") else type(thing)(parts)
    return thing


def shown(thing: Thing) -> Thing:
    """With every character that does something instead of showing written out."""
    return changed(thing, printable)


def for_markdown(thing: Thing) -> Thing:
    """The same for Markdown: no text in it begins HTML, a heading, a list, a link, a picture or a line of its own."""
    return changed(thing, plain_markdown)


def plain_markdown(text: str) -> str:
    """One text, see `for_markdown`."""
    line = re.sub(r"\s*\n\s*", " ", printable(text))
    if line.count("`") % 2:
        line = line.replace("`", "'")
    line = _OPENS.sub("&lt;", line).replace("](", "]\\(").replace("![", "!\\[")
    return _STARTS.sub(r"\1\\\2", line)


def for_script(spec: str) -> str:
    """JSON as it may stand in a script element: nothing in it ends the element or begins a comment, and no text in it
    is read as the markup that plotly.js knows, but for its line breaks.
    """
    return _PLOTLY.sub("&lt;", spec).replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028")


def for_spreadsheet(cell: Any) -> Any:
    """A cell of a CSV file that a spreadsheet does not take for a formula."""
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠") else text
