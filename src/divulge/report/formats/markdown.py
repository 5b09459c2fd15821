"""The report, and the page for whoever decides, as Markdown, for a repository, a ticket or a terminal."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.report.formats.pages import Drawn, drawn
from divulge.report.inert import for_markdown, plain_markdown
from divulge.report.section import Page, Place, Section
from divulge.report.typography import stopped


def render(result: AuditResult) -> str:
    """The same content as the report, without its figures: the summary first, the details after."""
    return _page(result, Page.REPORT, f"# {plain_markdown(result.facts.name)}")


def render_decision(result: AuditResult) -> str:
    """The page for whoever decides."""
    return _page(result, Page.DECISION, f"# Decision: {plain_markdown(result.facts.name)}")


def _page(result: AuditResult, page: Page, title: str) -> str:
    result = for_markdown(result)

    def draw(section: Section) -> tuple[str, str]:
        context = section.context(result)
        return section.markdown(context), section.details(context) if section.details is not None else ""

    sections, warnings = drawn(result, page, draw)
    opened = [_written(s, "##", s.body[0]) for s in sections if s.place is Place.OPEN]
    details = [f"**!** {stopped(warning)}" for warning in warnings]
    for s in sections:
        parts = [part for part in s.body if part] if s.place is Place.FOLDED else [s.body[1]]
        details += [_written(s, "###", "\n\n".join(parts))] if any(parts) else []
    return "\n\n".join([title, *opened, *(["## Details", *details] if details else [])]) + "\n"


def _written(section: Drawn[tuple[str, str]], level: str, body: str) -> str:
    return f"{level} {section.title}\n\n{body}" if section.heading else body
