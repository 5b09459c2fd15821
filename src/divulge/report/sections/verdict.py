"""The first screen: the verdict, one line a family of attacks, and what to do first."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.core.threat import Family
from divulge.core.wording import counted
from divulge.report import limits, plain, words
from divulge.report.drawing import asset
from divulge.report.section import Context, Page, Place, Section
from divulge.report.typography import MARKS, capital, stopped, table


def _context(result: AuditResult) -> Context:
    return {
        "accuracy": plain.accuracy(result),
        "verdict": result.verdict,
        "headline": plain.headline(result),
        "families": plain.families(result),
        "recommendation": plain.recommendation(result),
        "notes": plain.notes(result),
        "rows": _rows(result),
        "unmeasured": _unmeasured(result),
        "needed": words.needed(result),
        "made": f"divulge {result.facts.provenance.divulge} on {result.facts.provenance.started[:10]}",
    }


def _rows(result: AuditResult) -> list[list[str]]:
    """The table of a model card: question, result, what was found."""
    rows = []
    for line, family in zip(plain.families(result), plain.FAMILIES, strict=True):
        measured = any(f.value is not None for f in result.of(family))
        shown = line.verdict.value if measured or result.tried(family) else "not measured"
        rows.append([capital(words.FAMILY_OF[family]), f"{MARKS[line.verdict]} {shown}", line.text])
    return rows


def _unmeasured(result: AuditResult) -> str:
    missing = [f.value for f in Family if not any(finding.value is not None for finding in result.of(f))]
    refused = sum(1 for _ in result.refused())
    lines = [f"Not measured: {', '.join(missing)}." if missing else ""]
    lines += [f"{counted(refused, 'attack')} could not run under this threat model." if refused else ""]
    lines += [f"{counted(len(limits.left_out(result)), 'attack')} had no time." if result.left_out else ""]
    return " ".join(filter(None, lines))


def _markdown(c: Context) -> str:
    return "\n\n".join(
        [
            *([c["accuracy"]] if c["accuracy"] else []),
            f"**{MARKS[c['verdict']]} {c['headline']}.**",
            "\n".join(
                f"- {MARKS[f.verdict]} **{f.name}: {f.verdict.value}.** {stopped(f.title)}" for f in c["families"]
            ),
            *([f"**Recommended:** {c['recommendation']}"] if c["recommendation"] else []),
            *(f"**!** {note}" for note in c["notes"]),
        ]
    )


def _card(c: Context) -> str:
    return "\n\n".join(
        filter(
            None,
            [
                f"What this model gives away was measured with {c['made']}. {c['needed']}",
                table(["question", "result", "what was found"], c["rows"]),
                words.LEAST,
                c["unmeasured"],
            ],
        )
    )


SECTION = Section(
    name="verdict",
    title="Verdict",
    context=_context,
    template=asset("sections/verdict.html.j2"),
    markdown=_markdown,
    pages={Page.REPORT: Place.OPEN, Page.DECISION: Place.OPEN},
    heading=False,
    card=_card,
)
