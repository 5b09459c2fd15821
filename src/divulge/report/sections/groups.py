"""Whether some groups are more at risk than others."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Verdict
from divulge.core.threat import Family
from divulge.core.wording import percent
from divulge.report.drawing import asset
from divulge.report.section import Context, Section
from divulge.report.typography import table
from divulge.report.words import reading


def _context(result: AuditResult) -> Context:
    return {
        "groups": result.subgroups,
        "attack": result.titles.get(result.risk_attack or "", ""),
        "alpha": percent(1 - result.facts.policy.confidence),
    }


def _applies(result: AuditResult) -> bool:
    return bool(result.subgroups) and result.verdict_of(Family.MEMBERSHIP) is not Verdict.INVALID


def _markdown(c: Context) -> str:
    heads = ["attribute", "group", "members", "non-members", "AUC", "more at risk"]
    rows = [
        [
            g.attribute,
            g.value,
            f"{g.members:,}",
            f"{g.nonmembers:,}",
            reading(g.auc),
            "▲ yes" if g.more_at_risk else "not shown",
        ]
        for g in c["groups"]
    ]
    return f"AUC of “{c['attack']}” within each group of a sensitive attribute.\n\n{table(heads, rows)}"


SECTION = Section(
    name="groups",
    title="Is anyone more at risk than others?",
    context=_context,
    template=asset("sections/groups.html.j2"),
    markdown=_markdown,
    applies=_applies,
)
