"""What was found, family by family, in words that need no explanation."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.report import plain
from divulge.report.drawing import asset
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import MARKS


def _context(result: AuditResult) -> Context:
    return {"families": [line for line in plain.families(result) if line.text]}


def _applies(result: AuditResult) -> bool:
    return any(line.text for line in plain.families(result))


def _markdown(c: Context) -> str:
    return "\n".join(f"- {MARKS[f.verdict]} **{f.name}.** {f.text}" for f in c["families"])


SECTION = Section(
    name="findings",
    title="What was found",
    context=_context,
    template=asset("sections/findings.html.j2"),
    markdown=_markdown,
    applies=_applies,
    pages={Page.REPORT: Place.OPEN},
)
