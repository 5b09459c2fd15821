"""How sure the audit is: sizes, error rates, baseline and controls."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.report import plain, words
from divulge.report.drawing import asset
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import bullets, table


def _context(result: AuditResult) -> Context:
    return {
        "lines": plain.certainty(result),
        "full": [line for line in words.certainties(result) if line],
        "heads": words.CORRECTED_HEADS,
        "corrected": words.corrected(result),
    }


def _markdown(c: Context) -> str:
    return " ".join(c["lines"])


def _details(c: Context) -> str:
    return "\n\n".join([bullets(c["full"]), *([table(c["heads"], c["corrected"])] if c["corrected"] else [])])


SECTION = Section(
    name="certainty",
    title="How sure this is",
    context=_context,
    template=asset("sections/certainty.html.j2"),
    markdown=_markdown,
    details=_details,
    pages={Page.REPORT: Place.OPEN, Page.DECISION: Place.FOLDED},
)
