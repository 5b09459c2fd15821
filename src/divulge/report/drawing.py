"""Files that ship with the report, and the environment that templates are drawn in."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from divulge.core.wording import counted, percent
from divulge.report.inert import for_script
from divulge.report.typography import MARKS, capital, stopped, tone

if TYPE_CHECKING:
    from jinja2 import Environment, Template


@cache
def asset(name: str) -> str:
    """The text of a file of this room."""
    return files("divulge.report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Everything that a template prints is escaped, and a name that it does not know is an error."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    drawing = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    drawing.globals.update(marks=MARKS, percent=percent, counted=counted)
    drawing.filters.update(tone=tone, capital=capital, stopped=stopped, for_script=for_script)
    return drawing


@cache
def compiled(source: str) -> Template:
    """A template from its source."""
    return environment().from_string(source)
