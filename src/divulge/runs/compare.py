"""Runs side by side: models, or one model under several defences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.finding import Finding, Reading
from divulge.core.results.metric import FIDELITY, tpr_at
from divulge.report import claims
from divulge.runs.result import open_run


@dataclass(frozen=True)
class Compared:
    """One run in a comparison.  auc, low_fpr: the strongest attack's reading, at 1 % FPR for the latter.
    copy: agreement of the closest copy on unseen records.  claim: what came of the claims that it tested.
    """

    run: str
    name: str
    quality: float | None
    gap: float | None
    verdict: str
    strongest: str
    auc: Reading | None
    low_fpr: Reading | None
    copy: Reading | None = None
    claim: str = ""


def compare(paths: list[Path]) -> list[Compared]:
    """One row a run, in the order given."""
    return [_compared(path, open_run(path)) for path in paths]


def _compared(path: Path, result: AuditResult) -> Compared:
    target = result.facts.target
    gap = None
    if target.quality_members is not None and target.quality_nonmembers is not None:
        gap = target.quality_members - target.quality_nonmembers
    strongest = result.strongest()
    low = [f for f in result.findings if f.metric == tpr_at(0.01) and f.low is not None]
    copies = [f for f in result.findings if f.metric == FIDELITY and f.low is not None]
    return Compared(
        run=path.name,
        name=result.facts.name,
        quality=target.quality_nonmembers,
        gap=gap,
        verdict=result.verdict.value,
        strongest=result.titles.get(strongest.attack, "") if strongest else "",
        auc=_reading(strongest),
        low_fpr=_reading(max(low, key=lambda f: f.low or 0.0, default=None)),
        claim=claims.headline(result) if result.claims is not None else "",
        copy=_reading(max(copies, key=lambda f: f.low or 0.0, default=None)),
    )


def _reading(finding: Finding | None) -> Reading | None:
    if finding is None or finding.value is None or finding.low is None or finding.high is None:
        return None
    return Reading(finding.value, finding.low, finding.high)
