"""Runs side by side: models, or one model under several defences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from divulge.core.results.audit_result import AuditResult
from divulge.core.results.comparison import MetricChange, Overlay
from divulge.core.results.finding import Finding, Reading
from divulge.core.results.metric import AUC, FIDELITY, tpr_at
from divulge.report import claims
from divulge.report.formats import comparison as page
from divulge.runs.differences.changes import (
    ComparedMetric,
    NothingInCommon,
    attacks_compared,
    changes,
    differences,
    overlay,
    together,
)
from divulge.runs.differences.matching import matching
from divulge.runs.folder import RunFolder
from divulge.runs.result import open_run


@dataclass(frozen=True)
class Compared:
    """One run in a comparison.  auc, low_fpr: the strongest attack's reading, at 1 % FPR for the latter.
    copy: agreement of the closest copy on unseen records.  claim: what came of the claims that it tested.
    changes: what differs from the first run of the comparison, with bounds that hold together.  overlay: their curves.
    records: what is known of the records of both, in words.
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
    changes: tuple[MetricChange, ...] = ()
    overlay: Overlay | None = None
    records: str = ""


def compare(paths: list[Path], same: bool | None = None, curves: bool = False) -> list[Compared]:
    """One row a run, in the order given; every run but the first with what differs from the first, corrected for all
    that is compared.

    same: what is stated of the records where their contents are not known, see runs.differences.matching.  curves:
    whether to compare ROC curves too, by the bootstrap.
    """
    results = [open_run(path) for path in paths]
    named = told_apart([result.facts.name for result in results], paths)
    rows = [_compared(path, result, name) for path, result, name in zip(paths, results, named, strict=True)]
    if len(rows) < 2:
        return rows
    found = [_against(paths[0], results[0], path, now, same) for path, now in zip(paths[1:], results[1:], strict=True)]
    number, confidence = sum(map(len, found)), results[0].facts.policy.confidence
    plain = [
        changes(each, dict(now.titles), confidence, number, named[0])
        for each, now in zip(found, results[1:], strict=True)
    ]
    corrected = iter(together([change for each in plain for change in each], confidence))
    compared = rows[:1]
    for row, path, each in zip(rows[1:], paths[1:], plain, strict=True):
        own = tuple(next(corrected) for _ in each)
        words = matching(RunFolder(paths[0]), RunFolder(path), same).words
        over = _overlay(paths[0], path, rows[0], row, own, same) if curves else None
        compared.append(replace(row, changes=own, overlay=over, records=words))
    return compared


def told_apart(names: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """The names of runs; those that several have with the run's folder, which is another for each."""
    folders = [path.name for path in paths]
    if len(set(folders)) < len(folders):
        folders = [str(path) for path in paths]
    return [
        name if list(names).count(name) == 1 else f"{name} ({folder})"
        for name, folder in zip(names, folders, strict=True)
    ]


def _against(first: Path, before: AuditResult, path: Path, now: AuditResult, same: bool | None) -> list[ComparedMetric]:
    """What differs from the first; nothing where the two have no metric in common."""
    try:
        return differences((RunFolder(first), before.findings), (RunFolder(path), now.findings), same)
    except NothingInCommon:
        return []


def _overlay(
    first: Path, path: Path, before: Compared, now: Compared, found: tuple[MetricChange, ...], same: bool | None
) -> Overlay | None:
    """The curves of the attack that is strongest in either run, where both have its scores."""
    areas = sorted((c for c in found if c.metric == AUC), key=lambda c: -max(c.before, c.now))
    runs = RunFolder(first), RunFolder(path)
    best = next((c for c in areas if all(run.has_scores(c.attack) for run in runs)), None)
    if best is None:
        return None
    names = ("before", "now") if before.name == now.name else (before.name, now.name)
    confidence = runs[0].facts().policy.confidence
    return overlay((runs[0], names[0]), (runs[1], names[1]), best.attack, best.title, confidence, same)


def write(rows: list[Compared], attacks: list[MetricChange], folder: Path) -> Path:
    """comparison.html, comparison.md and comparison.json in the folder; the first of them."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"runs": [asdict(row) for row in rows], "attacks": [asdict(change) for change in attacks]}
    (folder / "comparison.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
    (folder / "comparison.md").write_text(page.markdown(rows, attacks), encoding="utf-8")
    (folder / "comparison.html").write_text(page.render(rows, attacks), encoding="utf-8")
    return folder / "comparison.html"


def attacks_of(path: Path) -> list[MetricChange]:
    """The attacks of one run, two by two: is the best one better than the next?"""
    result = open_run(path)
    return attacks_compared(RunFolder(path), dict(result.titles), result.facts.policy.confidence)


def _compared(path: Path, result: AuditResult, name: str) -> Compared:
    target = result.facts.target
    gap = None
    if target.quality_members is not None and target.quality_nonmembers is not None:
        gap = target.quality_members - target.quality_nonmembers
    strongest = result.strongest()
    low = [f for f in result.findings if f.metric == tpr_at(0.01) and f.low is not None]
    copies = [f for f in result.findings if f.metric == FIDELITY and f.low is not None]
    return Compared(
        run=path.name,
        name=name,
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
