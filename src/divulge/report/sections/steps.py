"""What to do next: the first steps for everybody, all of them with figures and commands in the details."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.report.drawing import asset
from divulge.report.next_steps import advice
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import stopped

FIRST = 3


def _context(result: AuditResult) -> Context:
    steps = advice(result)
    short = [stopped(step.priced) for step in steps[:FIRST]]
    full = [stopped(step.whole) for step in steps]
    return {"steps": short, "full": full if full != short else []}


def _applies(result: AuditResult) -> bool:
    return bool(advice(result))


def _numbered(lines: list[str]) -> str:
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def _markdown(c: Context) -> str:
    return _numbered(c["steps"])


def _details(c: Context) -> str:
    return _numbered(c["full"])


SECTION = Section(
    name="steps",
    title="What to do next",
    context=_context,
    template=asset("sections/steps.html.j2"),
    markdown=_markdown,
    details=_details,
    applies=_applies,
    pages={Page.REPORT: Place.OPEN, Page.DECISION: Place.OPEN},
)
