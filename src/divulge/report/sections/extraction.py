"""Copies of the model, and what a copy opens up."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.exhibits import Alarm
from divulge.core.results.finding import Verdict
from divulge.core.threat import Family
from divulge.core.wording import percent
from divulge.report import theft, words
from divulge.report.drawing import asset
from divulge.report.figures.copies import copies
from divulge.report.section import Context, Section
from divulge.report.typography import MARKS, table


def _context(result: AuditResult) -> Context:
    return {
        "rows": theft.rows(result, MARKS[Verdict.LEAK]),
        "places": theft.PLACE_NAMES,
        "noticed": any(t.of(Alarm) for t in result.evidence_of(Family.EXTRACTION).values()),
        "gains": result.gains,
        "copy": result.titles.get(result.gains[0].copy, result.gains[0].copy) if result.gains else "",
        "reading": words.reading,
        "figures": copies(result),
        "confidence": percent(result.facts.policy.confidence),
    }


def _applies(result: AuditResult) -> bool:
    return result.tried(Family.EXTRACTION)


def _markdown(c: Context) -> str:
    """One line an attack."""
    heads = ["attack", "verdict", *c["places"], "recovered", "without queries", "control", "accuracy", "queries"]
    heads += ["noticed by"] if c["noticed"] else []
    rows = []
    for row in c["rows"]:
        cells = [f"{value} ({beside})" if beside else value for value, beside, _ in (*row.places, row.recovered)]
        verdict = f"{MARKS[row.verdict]} {row.verdict.value}"
        cost = row.cost.removesuffix(" queries").removesuffix(" query")
        line = [row.title, verdict, *cells, row.baseline, row.control, row.accuracy, cost]
        rows.append([*line, *(["; ".join(row.noticed)] if c["noticed"] else [])])
    parts = [table(heads, rows)] if rows else ["No attack was played to its end."]
    if c["gains"]:
        lines = [
            [f"{gain.title}: {gain.measure}", *map(words.reading, (gain.through, gain.alone, gain.gain))]
            for gain in c["gains"]
        ]
        parts += ["#### What does the copy open up?", table(["step", "through the copy", "without it", "gain"], lines)]
    return "\n\n".join(parts)


SECTION = Section(
    name="copies",
    title="Model copying: can the model be extracted?",
    context=_context,
    template=asset("sections/extraction.html.j2"),
    markdown=_markdown,
    applies=_applies,
)
