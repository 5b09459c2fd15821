"""What of the training data can be reconstructed: pictures, and every attack with its figures."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.core.threat import Family
from divulge.core.wording import percent
from divulge.report import rebuilt
from divulge.report.drawing import asset
from divulge.report.section import Context, Section
from divulge.report.typography import MARKS, table


def _context(result: AuditResult) -> Context:
    return {
        "galleries": rebuilt.galleries(result),
        "rows": rebuilt.rows(result),
        "differing": rebuilt.differing,
        "confidence": percent(result.facts.policy.confidence),
    }


def _applies(result: AuditResult) -> bool:
    return result.tried(Family.RECONSTRUCTION)


def _markdown(c: Context) -> str:
    """One line a finding."""
    heads = ["attack", "verdict", "what", "share", "without the model", "control", "quality (medians)", "queries"]
    rows = []
    for row in c["rows"]:
        verdict = f"{MARKS[row.verdict]} {row.verdict.value}"
        cost = row.cost.removesuffix(" queries").removesuffix(" query")
        share = f"{row.value[0]} ({row.value[1]})"
        rows.append([row.title, verdict, row.what, share, row.blind, row.control, "; ".join(row.quality), cost])
    return table(heads, rows) if rows else "No attack was played to its end."


SECTION = Section(
    name="rebuilt",
    title="Reconstruction: what do the records look like?",
    context=_context,
    template=asset("sections/reconstruction.html.j2"),
    markdown=_markdown,
    applies=_applies,
)
