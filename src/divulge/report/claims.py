"""What a report says of claims, which are tested besides a model's leaks."""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.exhibits import Claimed
from divulge.core.results.finding import CLAIM, Finding, Refused, Verdict
from divulge.core.results.verdicts import claim_verdict
from divulge.core.wording import joined
from divulge.report.metrics import metric_name, shown

NOTHING_ELSE = "This run tested a claim and nothing else: it says nothing of whatever else the model gives away."

NOT_TESTED = "The claim could not be tested"


@dataclass(frozen=True)
class ClaimLine:
    """One claim: under which verdict, why, and how it was tested; None where it could not be."""

    title: str
    verdict: Verdict
    answer: str
    why: str
    told: Claimed | None
    findings: tuple[tuple[str, str, Verdict], ...] = ()


def claims(result: AuditResult) -> list[ClaimLine]:
    """Every claim that was tested, or could not be, in the order of the run."""
    lines = []
    for outcome in result.outcomes:
        if outcome.game != CLAIM:
            continue
        found = [f for f in result.findings if f.attack == outcome.attack]
        judged = claim_verdict([outcome], found)
        verdict = judged.verdict if judged is not None else Verdict.NOT_EXAMINED
        kept = result.evidence[outcome.attack].of(Claimed) if outcome.attack in result.evidence else ()
        detail = kept[0] if kept else None
        why = outcome.result.reason if isinstance(outcome.result, Refused) else _why(found, verdict)
        rows = tuple((metric_name(f.metric, f.about), _reading(f), f.verdict) for f in found)
        lines.append(ClaimLine(outcome.title, verdict, _answer(verdict, detail), why, detail, rows))
    return lines


def _answer(verdict: Verdict, told: Claimed | None) -> str:
    """What follows, in a few words."""
    if told is not None and verdict is Verdict.LEAK:
        return told.upheld
    if told is not None and verdict is Verdict.NOT_FOUND:
        return told.open
    return NOT_TESTED


def _why(found: list[Finding], verdict: Verdict) -> str:
    """The reasons of the findings that made the verdict."""
    return joined(dict.fromkeys(f.reason for f in found if f.verdict is verdict and f.reason))


def _reading(finding: Finding) -> str:
    """'0.731 (0.702 to 0.760)', or the value alone where it is a bound."""
    value, low, high = (shown(v, finding.metric) for v in (finding.value, finding.low, finding.high))
    bound = finding.kind.unbounded or finding.low is None or finding.low == finding.high
    return value if bound else f"{value} ({low} to {high})"


def headline(result: AuditResult) -> str:
    """What came of the claims: those that made the verdict of the run."""
    listed = claims(result)
    worst = [line.answer for line in listed if result.claims is not None and line.verdict is result.claims.verdict]
    return "; ".join(dict.fromkeys(worst)) or NOT_TESTED


def certainty(result: AuditResult) -> list[str]:
    """What was left to chance, claim by claim."""
    return list(dict.fromkeys(line.told.chance for line in claims(result) if line.told is not None))
