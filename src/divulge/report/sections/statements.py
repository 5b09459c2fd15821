"""The findings in full: each family's sentence, with the attack that showed it."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.report import handshake, words
from divulge.report.drawing import asset
from divulge.report.section import Context, Page, Place, Section


def _context(result: AuditResult) -> Context:
    return {
        "met": handshake.sentence(result),
        "doubts": handshake.doubts(result),
        "lines": words.lines(result),
    }


def _markdown(c: Context) -> str:
    parts = [c["met"]] if c["met"] else []
    parts += [f"{mark} {doubt}." for mark, doubt in c["doubts"]]
    return "\n\n".join([*parts, *(f"**{line.mark} {line.title}.** {line.text}".strip() for line in c["lines"])])


SECTION = Section(
    name="statements",
    title="The findings in full",
    context=_context,
    template=asset("sections/statements.html.j2"),
    markdown=_markdown,
    pages={Page.REPORT: Place.FOLDED, Page.DECISION: Place.FOLDED},
)
