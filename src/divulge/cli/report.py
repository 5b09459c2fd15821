"""`divulge report`: write a run's report."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.screen import out


class Format(str, Enum):
    """How a report is written."""

    html = "html"
    md = "md"
    json = "json"
    sarif = "sarif"
    csv = "csv"


def report(
    run: Annotated[Path, typer.Argument(help="the run's folder")],
    format: Annotated[Format, typer.Option(help="of the report")] = Format.html,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write; - for the terminal")] = None,
) -> None:
    """Write the report of a run, finished or not."""
    from divulge.auditing.dossier import open_run
    from divulge.auditing.export import render
    from divulge.auditing.library import Run

    if output is not None and str(output) == "-":
        csv = format is Format.csv
        typer.echo(Run.open(run).risk().to_csv(index=False) if csv else render(open_run(run), format.value))
        return
    path = Run.open(run).report(output or run / f"report.{format.value}", format.value)
    out.print(str(path.resolve()), soft_wrap=True)
