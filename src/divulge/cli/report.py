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
    pdf = "pdf"


class Page(str, Enum):
    """What is written."""

    report = "report"
    decision = "decision"
    card = "card"


def report(
    run: Annotated[Path, typer.Argument(help="the run: its folder, its name, or latest")],
    format: Annotated[Format | None, typer.Option(help="html; md for the card", show_default=False)] = None,
    page: Annotated[
        Page, typer.Option(help="the report, its page for whoever decides, or a section for a model card")
    ] = Page.report,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write; - for the terminal")] = None,
) -> None:
    """Write the report of a run, finished or not."""
    from divulge.runs.export import render
    from divulge.runs.find import run_at
    from divulge.runs.result import open_run
    from divulge.workflows.audit import Run

    run = run_at(run)
    chosen = format or (Format.md if page is Page.card else Format.html)
    if output is not None and str(output) == "-":
        csv = chosen is Format.csv
        typer.echo(Run.open(run).risk().to_csv(index=False) if csv else render(open_run(run), chosen.value, page.value))
        return
    path = Run.open(run).report(output or run / f"{page.value}.{chosen.value}", chosen.value, page.value)
    out.print(str(path.resolve()), soft_wrap=True)
