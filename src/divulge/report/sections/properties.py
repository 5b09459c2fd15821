"""Facts about the training set as a whole: what was inferred of it, and by which attacks."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.core.threat import Family
from divulge.core.wording import percent
from divulge.report import inferred
from divulge.report.drawing import asset
from divulge.report.figures.properties import figure
from divulge.report.section import Context, Section
from divulge.report.typography import MARKS, bullets, table


def _context(result: AuditResult) -> Context:
    return {
        "answers": inferred.answers(result),
        "rows": inferred.rows(result),
        "figures": figure(result),
        "confidence": percent(result.facts.policy.confidence),
    }


def _applies(result: AuditResult) -> bool:
    return result.tried(Family.PROPERTY)


def _markdown(c: Context) -> str:
    """One line a finding, and what is estimated of the audited model."""
    heads = ["attack", "verdict", "what", "correct", "guessing", "mean error", "metrics alone", "control", "queries"]
    rows = []
    for row in c["rows"]:
        verdict = f"{MARKS[row.verdict]} {row.verdict.value}"
        cost = row.cost.removesuffix(" queries").removesuffix(" query")
        error = f"{row.error[0]} ({row.error[1]})" if row.error[1] else row.error[0]
        what = f"{row.what[0]} (`{row.what[1]}`)" if row.what[1] else row.what[0]
        share = f"{row.value[0]} ({row.value[1]})"
        rows.append([row.title, verdict, what, share, row.blind, error, row.metrics, row.control, cost])
    parts = [table(heads, rows)] if rows else ["No attack was played to its end."]
    return "\n\n".join([*parts, *([bullets(c["answers"])] if c["answers"] else [])])


SECTION = Section(
    name="properties",
    title="Group facts: what does the model reveal about the training set as a whole?",
    context=_context,
    template=asset("sections/properties.html.j2"),
    markdown=_markdown,
    applies=_applies,
)
