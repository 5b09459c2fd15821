"""`divulge compare`: runs side by side."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.screen import Screen, out, table
from divulge.core.errors import InputError
from divulge.core.results.finding import Reading
from divulge.core.results.matrix import Matrix
from divulge.core.wording import percent


def compare(
    runs: Annotated[list[Path] | None, typer.Argument(help="the runs: folders or names")] = None,
    defenses: Annotated[
        Path | None, typer.Option(help="audit file: its `compare` lists compositions of defences to measure")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="with --defenses: where its runs and its picture go")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="with --defenses: equal seeds give equal results")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Put finished audits side by side, or train a model under several defences and attack each of them."""
    from divulge.runs.compare import compare as compare_runs
    from divulge.runs.find import run_at

    if defenses is not None:
        _matrix(defenses, folder, seed, as_json)
        return
    if not runs:
        raise InputError("name the folders of runs to compare, or an audit file with --defenses")
    rows = compare_runs([run_at(run) for run in runs])
    if as_json:
        out.print_json(json.dumps([asdict(row) for row in rows]))
        return
    shown = table(
        "audit",
        "quality",
        "train-test gap",
        "strongest attack",
        "AUC",
        "TPR at 1 % FPR",
        "closest copy",
        "verdict",
        *(["claim"] if any(row.claim for row in rows) else []),
    )
    for row in rows:
        quality = "–" if row.quality is None else f"{row.quality:.3f}"
        gap = "–" if row.gap is None else f"{row.gap:+.3f}"
        auc = "–" if row.auc is None else f"{row.auc.value:.3f} ({row.auc.low:.3f} to {row.auc.high:.3f})"
        shown.add_row(
            row.name,
            quality,
            gap,
            row.strongest or "–",
            auc,
            _rate(row.low_fpr),
            _rate(row.copy),
            row.verdict,
            *([row.claim] if any(each.claim for each in rows) else []),
        )
    out.print(shown)


def _matrix(file: Path, folder: Path | None, seed: int | None, as_json: bool) -> None:
    """One row for each composition; a run that is there already is not done again."""
    from divulge.setup.audit_file import load
    from divulge.setup.from_file import matrix_from_file
    from divulge.workflows import compare_defenses as defenses_compared
    from divulge.workflows import defense_matrix as matrix

    audit = load(file)
    if not audit.compare.defenses:
        raise InputError(f"{file.name}: compare.defenses: is missing: list compositions, [] for none, [dp_sgd: ...]")
    plan, compositions = matrix_from_file(audit, file.resolve().parent, seed)
    place = folder or file.resolve().parent / "divulge-runs" / f"{file.stem}-defenses"
    with Screen() if not as_json else nullcontext() as screen:
        found = matrix.matrix(plan, compositions, place, screen)
    page = defenses_compared.write(found, place)
    if as_json:
        out.print_json(defenses_compared.as_json(found))
        return
    show_matrix(found, page)


def show_matrix(found: Matrix, page: Path) -> None:
    """A comparison as a table, what follows, and where the picture is."""
    from divulge.report.matrix import advice, column_name, text

    heads = [f"{c.title}: {column_name(c)}" for c in found.columns]
    shown = table("", "defence", found.quality_name, *heads, *(["wrong labels: AUC"] if found.canaries else []))
    for number, row in enumerate(found.rows, 1):
        cells = [text(cell)[0] for cell in row.cells]
        cells += [text(row.canaries)[0] if row.canaries else "–"] if found.canaries else []
        quality = f"{row.quality.value:.3f}" if row.quality else "–"
        shown.add_row(str(number), row.name, *([row.failed] if row.failed else [quality, *cells]))
    out.print(shown)
    for part in advice(found):
        out.print(f"• {part}", soft_wrap=True)
    out.print(f"The picture: {page}", style="dim", soft_wrap=True)


def _rate(reading: Reading | None) -> str:
    if reading is None:
        return "–"
    return f"{percent(reading.value)} ({percent(reading.low)} to {percent(reading.high)})"
