"""Whether a defence helps: what each row of a comparison leaks against the row without a defence, record by record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from divulge.core.errors import InputError
from divulge.core.results.audit_result import AuditResult
from divulge.core.results.comparison import MetricChange
from divulge.core.results.finding import Finding
from divulge.core.results.matrix import Matrix, MatrixColumn
from divulge.core.results.metric import AUC
from divulge.core.threat import Family
from divulge.runs.differences.changes import ComparedMetric, NothingInCommon, changes, differences, together
from divulge.runs.differences.matching import matching
from divulge.runs.files.evidence_files import scored_of
from divulge.runs.folder import RunFolder
from divulge.stats.comparison.areas import auc_difference
from divulge.stats.comparison.linked import linked

WORST_CASE = "canaries"


@dataclass(frozen=True, eq=False)
class Audited:
    """A row's folder, and its result; None where it could not be measured."""

    folder: Path
    result: AuditResult | None


def with_changes(found: Matrix, rows: Sequence[Audited], canaries: tuple[int, int]) -> Matrix:
    """The comparison, with the difference of every cell to the same cell of the row without a defence.

    rows: one for each row of the comparison; all are about the same records.  canaries: how many of the first members,
    and of the first others, have wrong labels.  Bounds hold together over all cells.  Nothing is added where no row is
    without a defence.
    """
    plain = next((n for n, row in enumerate(found.rows) if not row.defenses and rows[n].result is not None), None)
    if plain is None:
        return found
    compared = [
        [] if number == plain else _of_row(rows[plain], row, found.columns, canaries) for number, row in enumerate(rows)
    ]
    total = sum(map(len, compared))
    if not total:
        return found
    plain_name = found.rows[plain].name
    listed = [changes([c for _, c in each], {}, found.confidence, total, plain_name) for each in compared]
    corrected = iter(together([change for each in listed for change in each], found.confidence))
    with_changes = []
    for row, each in zip(found.rows, compared, strict=True):
        by_cell: dict[MatrixColumn | str, MetricChange] = {cell: next(corrected) for cell, _ in each}
        cells = tuple(replace(c, change=by_cell.get(k)) for k, c in zip(found.columns, row.cells, strict=False))
        worst = row.canaries
        if worst is not None:
            worst = replace(worst, change=by_cell.get(WORST_CASE))
        with_changes.append(replace(row, cells=cells, canaries=worst))
    return replace(found, rows=tuple(with_changes))


def _of_row(
    plain: Audited, row: Audited, columns: Sequence[MatrixColumn], canaries: tuple[int, int]
) -> list[tuple[MatrixColumn | str, ComparedMetric]]:
    """What of one row can be compared, cell by cell."""
    if row.result is None or plain.result is None:
        return []
    shown = {(c.attack, c.metric, c.about): c for c in columns}

    def of_cells(result: AuditResult) -> list[Finding]:
        return [f for f in result.findings if (f.attack, f.key, f.about) in shown]

    before, now = RunFolder(plain.folder), RunFolder(row.folder)
    try:
        found = differences((before, of_cells(plain.result)), (now, of_cells(row.result)), same=True)
    except (NothingInCommon, InputError):
        return []
    cells: list[tuple[MatrixColumn | str, ComparedMetric]] = [
        (shown[c.now.attack, c.now.key, c.now.about], c) for c in found
    ]
    worst = _worst_case(before, now, plain.result, row.result, canaries)
    return [*cells, (WORST_CASE, worst)] if worst is not None else cells


def _worst_case(
    before: RunFolder, now: RunFolder, plain: AuditResult, row: AuditResult, canaries: tuple[int, int]
) -> ComparedMetric | None:
    """The attack on membership that comes first in both, among records with wrong labels."""
    first = [
        next((o.attack for o, _ in result.played() if o.game == Family.MEMBERSHIP.value), "") for result in (plain, row)
    ]
    if min(canaries) < 10 or first[0] != first[1] or not first[0]:
        return None
    attack = first[0]
    frames = []
    for run in (before, now):
        frame = run.scores(attack)
        limit = np.where(frame["member"], *canaries)
        frames.append(frame[frame["row"].to_numpy() < limit])
    sides = [scored_of(frame, run.facts().data.aggregate) for frame, run in zip(frames, (before, now), strict=True)]
    pair = linked(sides[0], sides[1], matching(before, now, same=True).records(*frames))
    findings = [next(f for f in result.findings if f.attack == attack and f.key == AUC) for result in (plain, row)]
    return ComparedMetric(findings[0], findings[1], auc_difference(pair))
