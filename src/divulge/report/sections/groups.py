"""Whether some groups are more at risk than others."""

from __future__ import annotations

from divulge.core.results.audit_result import AuditResult, Subgroup
from divulge.core.results.finding import Verdict
from divulge.core.threat import Family
from divulge.core.wording import percent
from divulge.report.drawing import asset
from divulge.report.section import Context, Section
from divulge.report.typography import table
from divulge.report.words import reading

NOTE = (
    "At risk: the AUC within the group against the mean of those within the others. Named: members above one threshold "
    "for everybody, which a group may exceed because its records are easier."
)


def _context(result: AuditResult) -> Context:
    return {
        "groups": result.subgroups,
        "note": NOTE,
        "attack": result.titles.get(result.risk_attack or "", ""),
        "alpha": percent(1 - result.facts.policy.confidence),
        "fpr": percent(next((g.fpr for g in result.subgroups if g.fpr is not None), 0.0)),
        "risk": [_risk(g) for g in result.subgroups],
        "named": [_named(g, 1 - result.facts.policy.confidence) for g in result.subgroups],
    }


def _risk(group: Subgroup) -> str:
    """Whether the attack does better within it than within the others."""
    return "▲ more" if group.more_at_risk else "▽ less" if group.less_at_risk else "not shown"


def _named(group: Subgroup, alpha: float) -> str:
    """How often its members are named at the one threshold, and others of it by mistake."""
    if group.named is None or group.strangers is None:
        return "–"
    share = f"{percent(group.named.value)} ({percent(group.named.low)} to {percent(group.named.high)})"
    if group.named_others is not None and group.named_p <= alpha:
        mark = "▲" if group.named.value > group.named_others else "▽"
        share = f"{mark} {share}, {percent(group.named_others)} elsewhere"
    return f"{share}; {percent(group.strangers.value)} by mistake"


def _applies(result: AuditResult) -> bool:
    return bool(result.subgroups) and result.verdict_of(Family.MEMBERSHIP) is not Verdict.INVALID


def _markdown(c: Context) -> str:
    heads = ["attribute", "group", "members", "non-members", "AUC", "at risk", f"named at {c['fpr']} false positives"]
    rows = [
        [
            g.attribute,
            g.value,
            f"{g.members:,}",
            f"{g.nonmembers:,}",
            reading(g.auc),
            risk,
            named,
        ]
        for g, risk, named in zip(c["groups"], c["risk"], c["named"], strict=True)
    ]
    return f"“{c['attack']}” within each group of a sensitive attribute. {NOTE}\n\n{table(heads, rows)}"


SECTION = Section(
    name="groups",
    title="Is anyone more at risk than others?",
    context=_context,
    template=asset("sections/groups.html.j2"),
    markdown=_markdown,
    applies=_applies,
)
