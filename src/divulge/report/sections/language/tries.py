"""How many training texts come out within how many tries."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.report.drawing import asset
from divulge.report.language import written
from divulge.report.section import Context, Section
from divulge.report.typography import table

HEADS = ("tries", "with probability", "training texts", "texts that the model never saw", "by the other model")


def _context(result: AuditResult) -> Context:
    return {"points": written.curve(result), "heads": HEADS}


def _applies(result: AuditResult) -> bool:
    return bool(written.curve(result))


def _markdown(c: Context) -> str:
    return table(list(HEADS), [[p.tries, p.p, p.members, p.nonmembers, p.reference] for p in c["points"]])


SECTION = Section(
    name="tries",
    title="Within how many tries do training texts come out?",
    context=_context,
    template=asset("sections/tries.html.j2"),
    markdown=_markdown,
    applies=_applies,
)
