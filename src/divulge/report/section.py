"""A section of a report: one object that knows when it applies, what it shows, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from divulge.core.results.audit_result import AuditResult

Context = Mapping[str, Any]


class Page(Enum):
    """A page that sections make up."""

    REPORT = "report"
    DECISION = "decision"


class Place(Enum):
    """Where on a page: read by everybody, or folded away until somebody opens it."""

    OPEN = "open"
    FOLDED = "folded"


def always(result: AuditResult) -> bool:
    """A section that every audit has."""
    return True


def _details() -> Mapping[Page, Place]:
    return {Page.REPORT: Place.FOLDED}


@dataclass(frozen=True)
class Section:
    """One section of a report.  A section that another package brings is an object of this class behind an entry point
    of the group `divulge.report_sections`.
    """

    name: str
    """Unique; the anchor of the section in HTML."""
    title: str
    """In words that need no explanation."""
    context: Callable[[AuditResult], Context]
    """What both drawings need, as plain values."""
    template: str
    """The source of a Jinja template; it sees the context, and whatever it prints is escaped.  No heading."""
    markdown: Callable[[Context], str]
    """The same in Markdown; headings of its own begin at ####.  Of an open section: what everybody reads."""
    details: Callable[[Context], str] | None = None
    """Markdown of what the template folds away inside of an open section: it stands among the details."""
    applies: Callable[[AuditResult], bool] = always
    """Whether this result has anything to show here."""
    pages: Mapping[Page, Place] = field(default_factory=_details)
    """On which pages it stands, and where; a folded detail of the report where nothing else is said."""
    heading: bool = True
    """Whether its title is shown; the first section of a page says itself what it is."""
    card: Callable[[Context], str] | None = None
    """Its Markdown in a model card; None where it is not part of one."""
