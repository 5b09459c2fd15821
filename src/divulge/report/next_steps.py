"""What to do next, and what an audit lacks before anything follows from it."""

from __future__ import annotations

from divulge.core.audit_result import AuditResult
from divulge.core.finding import Verdict
from divulge.core.threat import Access, Family
from divulge.core.verdicts import gaps
from divulge.core.wording import counted, percent
from divulge.report.causes import helpful

WORTH = 0.25
"""Share of a leak that a change must take away to be advised."""


def basis_lacks(result: AuditResult) -> list[str]:
    """Why nothing can be concluded from what was not found; empty where the audit looked."""
    lacks = [f"“{outcome.title}” broke off: {error}" for outcome, error in result.failed()]
    lacks += [] if result.complete else ["the run was cut short"]
    return [*result.faults, *lacks, *gaps(result.family_verdicts, result.facts.asked)]


def first_step(result: AuditResult) -> str:
    """The one thing to do first, as a sentence; empty where there is none."""
    todo = steps(result)
    return f"{todo[0]}{'' if todo[0].endswith('.') else '.'}" if todo else ""


def _mending(result: AuditResult) -> list[str]:
    """What an audit needs before it is a basis for anything."""
    found = result.family_verdicts.values()
    why = {told.verdict: told.why for told in found}
    steps = []
    if result.faults:
        steps.append("mend the audit, and audit again")
    elif result.baseline.alarm is not None:
        steps.append("draw members and non-members at random from one set, before training, and audit again")
    elif "than chance" in why.get(Verdict.INVALID, ""):
        steps.append("check the labels and the order of the classes against the model's own, and audit again")
    if Verdict.FAILED in why:
        steps.append(f"mend what broke off ({why[Verdict.FAILED]}), and audit again")
    if result.leaks():
        return steps
    if Verdict.NOT_MEASURABLE in why:
        _, _, needed = why[Verdict.NOT_MEASURABLE].partition("; it takes ")
        steps.append(f"give the audit more records: {needed}" if needed else "give the audit more to be measured on")
    if all(told.verdict is Verdict.NOT_EXAMINED for told in found):
        steps.append("give the audit what its attacks lack, or choose another threat model")
    return steps


def steps(result: AuditResult) -> list[str]:
    """What to do next, most telling first."""
    steps = _mending(result)
    if result.verdict_of(Family.MEMBERSHIP) is Verdict.LEAK:
        for cause in sorted(result.what_if, key=lambda c: -c.share):
            if cause.share > 0:
                away = f"{percent(cause.share)} of the leak goes away"
                knob = cause.name in cause.advice
                steps.append(
                    f"{cause.advice}: {away}, {cause.measured}"
                    if knob
                    else f"{cause.advice} ({cause.name}: {away} without it)"
                )
        steps += [f"{cause.advice} ({cause.name})" for cause in result.causes if cause.telling and cause.advice]
    for family in (Family.RECONSTRUCTION, Family.PROPERTY, Family.EXTRACTION):
        if result.verdict_of(family) is Verdict.LEAK:
            steps += helpful(result, family, least=WORTH)[:1]
    if result.leaks():
        steps.append("measure which defence leaves what, at what price: divulge compare --defenses AUDIT.yaml")
    if result.verdict_of(Family.EXTRACTION) is Verdict.LEAK and not result.facts.threat.grants(Access.PARAMETERS):
        steps.append("limit queries, watch them, and show less of the scores; a copy opens the way to further attacks")
    if result.verdict_of(Family.PROPERTY) is Verdict.LEAK:
        steps.append(
            "ask whether the facts that can be told about the training set may be known; noise for single persons "
            "(differential privacy) does not hide them"
        )
    if result.left_out:
        steps.append(f"give the audit more time: {counted(len(result.left_out), 'attack')} had none")
    if result.verdict is Verdict.NOT_FOUND and not basis_lacks(result):
        steps.append("keep this report with the model, and audit again when data, training or interface change")
    return list(dict.fromkeys(step[:1].upper() + step[1:] for step in steps))
