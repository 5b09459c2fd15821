"""`divulge compare`: runs side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from divulge.cli.screen import Screen, out, table
from divulge.core.errors import InputError
from divulge.core.results.finding import Reading
from divulge.core.results.matrix import Matrix
from divulge.core.wording import percent

if TYPE_CHECKING:
    from divulge.runs.compare import Compared


def compare(
    runs: Annotated[list[Path] | None, typer.Argument(help="the runs: folders or names")] = None,
    defenses: Annotated[
        Path | None, typer.Option(help="audit file: its `compare` lists compositions of defences to measure")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", help="folder for a page, Markdown and JSON; with --defenses: for its runs and its picture"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="with --defenses: equal seeds give equal results")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    over_time: Annotated[
        bool, typer.Option("--over-time", help="the evidence that a model leaks, over all audits of it so far")
    ] = False,
    same_records: Annotated[
        bool | None,
        typer.Option(
            "--same-records/--other-records",
            help="the runs are about the same records in one order, or about different ones; else by content",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Put finished audits side by side, each against the first, or the attacks of one; or train a model under several
    defences and attack each of them.
    """
    from divulge.runs.find import run_at

    if defenses is not None:
        _matrix(defenses, folder, seed, as_json)
        return
    if not runs:
        raise InputError("name the folders of runs to compare, or an audit file with --defenses")
    paths = [run_at(run) for run in runs]
    if over_time:
        _over_time(paths, same_records, as_json)
    else:
        _runs(paths, same_records, folder, as_json)


def _runs(paths: list[Path], same: bool | None, folder: Path | None, as_json: bool) -> None:
    """Runs against the first, or the attacks of one."""
    from divulge.report.formats.comparison import ATTACK_HEADS, HELD, attack_row, best_in_words
    from divulge.runs.compare import attacks_of, write
    from divulge.runs.compare import compare as compare_runs

    rows = compare_runs(paths, same, curves=folder is not None)
    attacks = attacks_of(paths[0]) if len(paths) == 1 else []
    page = write(rows, attacks, folder) if folder is not None else None
    if as_json:
        listed = [asdict(row) for row in rows]
        out.print_json(json.dumps([listed[0] | {"attacks": [asdict(c) for c in attacks]}] if attacks else listed))
        return
    _side_by_side(rows)
    for row in rows[1:]:
        _changes(row, rows[0].name)
    if attacks:
        _listed(ATTACK_HEADS, [attack_row(change) for change in attacks])
        out.print(f"{best_in_words(attacks)} {HELD}", soft_wrap=True, markup=False)
    if page is not None:
        out.print(f"The page: {page}", style="dim", soft_wrap=True)


def _listed(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    shown = table(*heads)
    for row in rows:
        shown.add_row(*map(Text, row))
    out.print(shown)


def _changes(row: Compared, first: str) -> None:
    """What differs from the first run."""
    from divulge.report.formats.comparison import CHANGE_HEADS, HELD, change_row

    out.print(f"\n{row.name} against {first}: {row.records}", soft_wrap=True, markup=False)
    if not row.changes:
        out.print("No metric was measured in both.")
        return
    _listed(CHANGE_HEADS, [change_row(change) for change in row.changes])
    out.print(HELD, style="dim", soft_wrap=True)


def _over_time(paths: list[Path], same: bool | None, as_json: bool) -> None:
    """The audits of each model, and the evidence so far."""
    from divulge.report.formats.comparison import TIME_HEADS, time_row
    from divulge.runs.differences.over_time import followed

    rows = followed(paths, same=same)
    if as_json:
        out.print_json(json.dumps([asdict(row) for row in rows]))
        return
    _listed(TIME_HEADS, [time_row(row) for row in rows])
    out.print(
        "So far: what a fair game has paid in all if the model leaks no more than its policy tolerates. It passes 20, "
        "ever, at most once in twenty, however many audits follow and whenever one stops.",
        soft_wrap=True,
    )


def _side_by_side(rows: list[Compared]) -> None:
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
    from divulge.report.matrix import advice, column_name, sign, text

    heads = [f"{c.title}: {column_name(c)}" for c in found.columns]
    shown = table("", "defence", found.quality_name, *heads, *(["wrong labels: AUC"] if found.canaries else []))
    for number, row in enumerate(found.rows, 1):
        cells = [f"{text(cell)[0]} {sign(cell)}".strip() for cell in row.cells]
        cells += (
            [f"{text(row.canaries)[0]} {sign(row.canaries)}".strip() if row.canaries else "–"] if found.canaries else []
        )
        quality = f"{row.quality.value:.3f}" if row.quality else "–"
        shown.add_row(str(number), row.name, *([row.failed] if row.failed else [quality, *cells]))
    out.print(shown)
    if any(cell.change is not None for row in found.rows for cell in row.all_cells):
        out.print("↓ shown to leak less than without a defence, ↑ more, ≈ no difference shown", style="dim")
    for part in advice(found):
        out.print(f"• {part}", soft_wrap=True)
    out.print(f"The picture: {page}", style="dim", soft_wrap=True)


def _rate(reading: Reading | None) -> str:
    if reading is None:
        return "–"
    return f"{percent(reading.value)} ({percent(reading.low)} to {percent(reading.high)})"
