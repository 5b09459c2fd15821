"""What a report says of training texts, and secrets in them, that a language model brings out: in texts and persons."""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.exhibits import Extractable
from divulge.core.results.finding import Finding
from divulge.core.results.metric import (
    PASSAGES_SHOWN,
    SECRETS_CHOSEN,
    SECRETS_NAMED,
    TEXTS_NEARLY_WRITTEN,
    TEXTS_WRITTEN,
)
from divulge.core.results.trials import Paired
from divulge.core.threat import Family
from divulge.core.wording import counted, percent

WHAT = {
    TEXTS_WRITTEN: ("training text", "came out word for word"),
    TEXTS_NEARLY_WRITTEN: ("training text", "came out nearly word for word"),
    PASSAGES_SHOWN: ("passage that the model wrote by itself", "showed a training text"),
    SECRETS_NAMED: ("secret", "could be named among all candidates"),
    SECRETS_CHOSEN: ("secret", "could be told from a few others"),
}
"""What is counted, and what happened to it."""


def in_people(result: AuditResult, finding: Finding) -> str:
    """'Of 150 training texts 12 came out word for word (8.0 %, 95 % CI 4.2 % to 13.6 %), texts of 9 persons; ...'."""
    thing, happened = WHAT[finding.key]
    bounds = f"{percent(finding.confidence)} CI {percent(finding.low or 0.0)} to {percent(finding.high or 0.0)}"
    kind = f" ({finding.about})" if finding.about else ""
    trial = _trial(result, finding)
    without = f"of texts that it never saw, or by another model: {percent(finding.chance)}"
    if trial is None:
        return f"{percent(finding.value or 0.0)} of all {thing}s{kind} {happened} ({bounds}); {without}."
    hits = sum(hit >= 1 for hit in trial.hits)
    whose = {unit for unit, hit in zip(trial.units, trial.hits, strict=True) if hit >= 1}
    persons = ""
    if result.facts.data.member_persons and finding.key != PASSAGES_SHOWN:
        persons = f", of {counted(len(whose), 'person')}"
    of = counted(len(trial.hits), thing)
    return f"Of {of}{kind} {hits:,} {happened}{persons} ({percent(finding.value or 0.0)}, {bounds}); {without}."


def _trial(result: AuditResult, finding: Finding) -> Paired | None:
    evidence = result.evidence.get(finding.attack)
    found = evidence.paired if evidence is not None else ()
    return next((t for t in found if t.metric == finding.key and t.about == finding.about), None)


@dataclass(frozen=True)
class CurveRow:
    """Texts that come out within so many tries: with which probability, of whom."""

    tries: str
    p: str
    members: str
    nonmembers: str
    reference: str


def curve(result: AuditResult) -> list[CurveRow]:
    """Every point that an attack computed, the fewest tries first; empty where none did."""
    points = [
        point for evidence in result.evidence_of(Family.RECONSTRUCTION).values() for point in evidence.of(Extractable)
    ]
    return [
        CurveRow(
            f"{point.n:,}",
            percent(point.p),
            f"{point.members:,} of {point.of_members:,}",
            f"{point.nonmembers:,} of {point.of_nonmembers:,}",
            "–" if point.reference is None else f"{point.reference:,}",
        )
        for point in points
    ]
