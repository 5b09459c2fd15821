"""`divulge runs`: which runs there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from divulge.cli.screen import out, table
from divulge.core.errors import InputError
from divulge.core.wording import one_line

SHOWN = ("folder", "name", "target", "started", "verdict", "leaks", "complete")
HEADS = {"folder": "run", "name": "audit", "target": "model", "started": "begun", "place": "where"}


def runs(
    folder: Annotated[Path, typer.Option("--out", help="folder of the runs")] = Path("divulge-runs"),
    at: Annotated[str | None, typer.Option(help="list what was pushed under this address", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List runs, newest first: those of a folder, or where DIVULGE_RUNS names a database, those of all machines that
    enter theirs there.
    """
    from divulge.runs.index import runs as entered
    from divulge.runs.index_address import is_shared

    if at is not None:
        from divulge.runs.storage import pushed

        _show(pushed(at), ("folder", "verdict", "complete"), as_json)
        return
    if not is_shared() and not folder.is_dir():
        raise InputError(f"there is no folder {folder}: name the folder of the runs with --out")
    shown = (*SHOWN, "place") if is_shared() else SHOWN
    kept = (*shown, "threat", "updated") if as_json else shown
    _show([{name: getattr(row, name) for name in kept} for row in entered(folder)], shown, as_json)


def _show(rows: list[dict[str, Any]], names: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    shown = table(*(HEADS.get(name, name) for name in names))
    for row in rows:
        words = [("no", "yes")[row[name]] if name == "complete" else str(row[name]) for name in names]
        shown.add_row(*[Text(one_line(word, 60)) for word in words])
    out.print(shown)
