"""Claims: what was claimed, how it was tested and under what randomisation, and the figures with their intervals."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import CLAIM
from divulge.report.claims import NOTHING_ELSE, ClaimLine, claims
from divulge.report.drawing import asset
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import MARKS, capital, stopped, table


def _context(result: AuditResult) -> Context:
    return {"claims": claims(result), "alone": NOTHING_ELSE if result.only_claims else ""}


def _applies(result: AuditResult) -> bool:
    return any(outcome.game == CLAIM for outcome in result.outcomes)


def _markdown(c: Context) -> str:
    parts = ["\n\n".join(_whole(line)) for line in c["claims"]]
    return "\n\n".join([*parts, *([c["alone"]] if c["alone"] else [])])


def _whole(line: ClaimLine) -> list[str]:
    why = f" {capital(stopped(line.why))}" if line.why else ""
    parts = [f"{MARKS[line.verdict]} **{stopped(line.answer)}**{why}"]
    if line.told is None:
        return [f"#### {line.title}", *parts]
    parts += [
        f"**What was claimed.** {line.told.claim}",
        f"**How it was tested.** {line.told.test}",
        f"**What was left to chance.** {line.told.chance}",
        table(["figure", "value"], [list(row) for row in line.told.figures]),
        *(stopped(capital(note)) for note in line.told.notes),
    ]
    return [f"#### {line.title}", *parts]


def _details(c: Context) -> str:
    rows = [
        [line.title, name, value, f"{MARKS[verdict]} {verdict.value}"]
        for line in c["claims"]
        for name, value, verdict in line.findings
    ]
    return table(["claim", "measure", "value", "verdict"], rows) if rows else ""


SECTION = Section(
    name="claims",
    title="What was claimed, and what the test showed",
    context=_context,
    template=asset("sections/claims.html.j2"),
    markdown=_markdown,
    details=_details,
    applies=_applies,
    pages={Page.REPORT: Place.OPEN, Page.DECISION: Place.OPEN},
    card=_markdown,
)
