"""A table for a data protection impact assessment."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.report.decision import decision
from divulge.report.drawing import asset
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import MARKS, capital, table

RISKS = (
    "Risks as the Article 29 Working Party names them (Opinion 05/2014). How severe each would be for the persons "
    "concerned depends on what being in these data says about them: that is for the controller to fill in."
)


def _context(result: AuditResult) -> Context:
    return {"risks": decision(result).risks, "caption": RISKS}


def _markdown(c: Context) -> str:
    heads = ["risk", "verdict", "what was found", "who is concerned", "severity", "what was measured to help"]
    rows = [
        [
            f"{capital(r.name)}: {r.asks}",
            f"{MARKS[r.verdict]} {r.verdict.value}",
            r.found,
            r.who,
            "for the controller",
            r.measures or "–",
        ]
        for r in c["risks"]
    ]
    return f"{c['caption']}\n\n{table(heads, rows)}"


SECTION = Section(
    name="assessment",
    title="For a data protection impact assessment",
    context=_context,
    template=asset("sections/assessment.html.j2"),
    markdown=_markdown,
    pages={Page.REPORT: Place.FOLDED, Page.DECISION: Place.OPEN},
)
