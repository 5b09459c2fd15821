"""`divulge compare`: runs side by side."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.screen import out, table
from divulge.core.finding import Reading
from divulge.core.wording import percent


def compare(
    runs: Annotated[list[Path], typer.Argument(help="folders of the runs")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Put models, or one model under several defences, side by side."""
    from divulge.auditing.compare import compare as compare_runs

    rows = compare_runs(runs)
    if as_json:
        out.print_json(json.dumps([asdict(row) for row in rows]))
        return
    shown = table(
        "audit", "quality", "train-test gap", "strongest attack", "AUC", "TPR at 1 % FPR", "closest copy", "verdict"
    )
    for row in rows:
        quality = "–" if row.quality is None else f"{row.quality:.3f}"
        gap = "–" if row.gap is None else f"{row.gap:+.3f}"
        auc = "–" if row.auc is None else f"{row.auc.value:.3f} ({row.auc.low:.3f} to {row.auc.high:.3f})"
        shown.add_row(
            row.name, quality, gap, row.strongest or "–", auc, _rate(row.low_fpr), _rate(row.copy), row.verdict
        )
    out.print(shown)


def _rate(reading: Reading | None) -> str:
    if reading is None:
        return "–"
    return f"{percent(reading.value)} ({percent(reading.low)} to {percent(reading.high)})"
