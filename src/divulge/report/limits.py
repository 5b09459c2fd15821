"""What a run did not measure: attacks that could not run, and those that there was no time for."""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Verdict
from divulge.core.threat import Family
from divulge.core.wording import counted, joined
from divulge.report.metrics import metric_name

MANY = 3
"""Attacks refused for one reason: listed by number, with their names behind it."""


@dataclass(frozen=True)
class Reason:
    """Attacks that could not run for one reason.  what: their names, or how many there are.  names: where counted."""

    what: str
    why: str
    names: str = ""


def refusals(result: AuditResult) -> list[Reason]:
    """Reason by reason; of an attack that lacks several things the first is given."""
    about: dict[str, list[str]] = {}
    for outcome, reason in result.refused():
        about.setdefault(reason.partition("; ")[0], []).append(outcome.title)
    return [
        Reason(counted(len(titles), "attack"), why, joined(titles))
        if len(titles) > MANY
        else Reason(joined(titles), why)
        for why, titles in sorted(about.items(), key=lambda item: -len(item[1]))
    ]


def left_out(result: AuditResult) -> list[tuple[str, str]]:
    """Title and reason of every attack that there was no time for."""
    return [(left.title, left.reason) for left in result.left_out]


def unmeasured(result: AuditResult) -> list[tuple[str, str]]:
    """What was not measured, and why: one line for a metric and a reason, with the attacks it is about."""
    about: dict[tuple[str, str], list[str]] = {}
    for finding in result.findings:
        if finding.verdict is Verdict.NOT_MEASURABLE:
            reason, _, figure = (
                finding.reason.partition(": ") if "coarse" in finding.reason else (finding.reason, "", "")
            )
            title = result.titles.get(finding.attack, finding.attack)
            about.setdefault((metric_name(finding.key, finding.about), reason), []).append(
                f"{title} ({figure})" if figure else title
            )
    every = sum(o.game == Family.MEMBERSHIP.value for o, _ in result.played())
    listed = []
    for (name, reason), titles in about.items():
        of = "" if len(titles) == every and "coarse" not in reason else f", of {joined(titles)}"
        listed.append((f"{name}{of}", reason))
    return listed
