"""Files that ship with the report, and the environment that templates are drawn in."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from divulge.core.wording import counted, percent
from divulge.report.typography import MARKS, capital, stopped, tone


@cache
def asset(name: str) -> str:
    """The text of a file of this room."""
    return files("divulge.report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Everything that a template prints is escaped, and a name that it does not know is an error."""
    made = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals.update(marks=MARKS, percent=percent, counted=counted)
    made.filters.update(tone=tone, capital=capital, stopped=stopped)
    return made


@cache
def compiled(source: str) -> Template:
    """A template from its source."""
    return environment().from_string(source)
