"""`divulge report`: write a run's report."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.screen import out


class ReportFormat(str, Enum):
    """How a report is written."""

    html = "html"
    md = "md"
    json = "json"
    sarif = "sarif"
    csv = "csv"
    pdf = "pdf"


class PageKind(str, Enum):
    """What is written."""

    report = "report"
    decision = "decision"
    card = "card"


def report(
    run: Annotated[Path, typer.Argument(help="the run: its folder, its name, or latest")],
    format: Annotated[ReportFormat | None, typer.Option(help="html; md for the card", show_default=False)] = None,
    page: Annotated[
        PageKind, typer.Option(help="the report, its page for whoever decides, or a section for a model card")
    ] = PageKind.report,
    prior: Annotated[
        str | None,
        typer.Option(help="share of members among those asked about: 0.1, 0.01:0.1 or beta:2,50", show_default=False),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write; - for the terminal")] = None,
) -> None:
    """Write the report of a run, finished or not."""
    from divulge.runs.export import csv_of, render
    from divulge.runs.find import run_at
    from divulge.runs.result import open_run
    from divulge.workflows.audit import Run

    run = run_at(run)
    chosen = format or (ReportFormat.md if page is PageKind.card else ReportFormat.html)
    if output is not None and str(output) == "-":
        result = open_run(run, prior)
        csv = chosen is ReportFormat.csv
        typer.echo(csv_of(Run.open(run).risk()) if csv else render(result, chosen.value, page.value))
        return
    path = Run.open(run).report(output or run / f"{page.value}.{chosen.value}", chosen.value, page.value, prior)
    out.print(str(path.resolve()), soft_wrap=True)
