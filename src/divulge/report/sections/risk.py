"""The members most at risk, one by one."""

from __future__ import annotations

from divulge.core.results.audit_result import AtRisk, AuditResult
from divulge.core.results.finding import Verdict
from divulge.core.threat import Family
from divulge.core.wording import percent
from divulge.report import words
from divulge.report.drawing import asset
from divulge.report.section import Context, Section
from divulge.report.typography import table

INVALID = "Not listed: the sets differ, so a high score says nothing about membership."
NO_LEAK = (
    "Not listed: no leak was found, so the order of the records may be chance alone. All scores are in the folder "
    "of the run, scores/."
)


def _context(result: AuditResult) -> Context:
    verdict = result.verdict_of(Family.MEMBERSHIP)
    listed = result.at_risk if verdict is Verdict.LEAK else ()
    return {
        "listed": listed,
        "unlisted": INVALID if verdict is Verdict.INVALID else NO_LEAK,
        "stability": words.stability_sentence(result.stability) if result.stability is not None else "",
        "attack": result.titles.get(result.risk_attack or "", ""),
        "attacks": sum(o.game == Family.MEMBERSHIP.value for o, _ in result.played()),
        "persons": bool(result.facts.data.member_persons),
        "label": "Value" if result.facts.target.task == "regression" else "Class",
        "retrained": bool(listed and listed[0].trainings),
    }


def _applies(result: AuditResult) -> bool:
    return result.tried(Family.MEMBERSHIP)


def _markdown(c: Context) -> str:
    if not c["listed"]:
        return str(c["unlisted"])
    heads = ["row", c["label"].lower(), *(["exposed by other trainings"] if c["retrained"] else [])]
    heads += ["scores above … of the non-members", "attacks that place it above 99 %", "remarkable"]
    rows = [_line(c, risk) for risk in c["listed"]]
    return "\n\n".join([*([c["stability"]] if c["stability"] else []), table(heads, rows)])


def _line(c: Context, risk: AtRisk) -> list[str]:
    more = f" and {risk.rows - 1} more" if risk.rows > 1 else ""
    again = []
    if c["retrained"]:
        bounds = "" if risk.low is None or risk.high is None else f" ({percent(risk.low)} to {percent(risk.high)})"
        again = [f"{risk.named} of {risk.trainings}{bounds}"]
    above = f"{100 * risk.above:.1f} %"
    named = f"{risk.attacks} of {c['attacks']}"
    return [f"{risk.row}{more}", risk.label, *again, above, named, "; ".join(risk.why) or "–"]


SECTION = Section(
    name="risk",
    title="The members most at risk",
    context=_context,
    template=asset("sections/risk.html.j2"),
    markdown=_markdown,
    applies=_applies,
)
