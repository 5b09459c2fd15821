"""A page section by section, drawn: what HTML and Markdown share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from divulge.core.results.audit_result import AuditResult
from divulge.report.section import Page, Place, Section
from divulge.report.sections.registry import applying, broken, own

Body = TypeVar("Body")


@dataclass(frozen=True)
class Drawn(Generic[Body]):
    """A section as it stands on a page."""

    name: str
    title: str
    heading: bool
    place: Place
    body: Body


def drawn(result: AuditResult, page: Page, draw: Callable[[Section], Body]) -> tuple[list[Drawn[Body]], list[str]]:
    """The sections of a page in their order, and warnings about those of other packages that could not be drawn."""
    listed, warnings = applying(result)
    sections = []
    for section in listed:
        if page not in section.pages:
            continue
        try:
            body = draw(section)
        except Exception as error:
            if own(section):
                raise
            warnings.append(broken(section, error))
            continue
        sections.append(Drawn(section.name, section.title, section.heading, section.pages[page], body))
    return sections, warnings
