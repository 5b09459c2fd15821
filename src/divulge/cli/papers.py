"""`divulge papers`: what is known, and how much of it is here."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divulge.cli.screen import out, table
from divulge.core.errors import InputError
from divulge.core.wording import counted

if TYPE_CHECKING:
    from divulge.catalog.paper import Paper
    from divulge.cli.screen import Grid


def papers(
    words: Annotated[list[str] | None, typer.Argument(help="all must occur in authors, title or year")] = None,
    family: Annotated[str | None, typer.Option(help="membership, reconstruction, property, extraction, ...")] = None,
    year: Annotated[str | None, typer.Option(help="2019, or 2019-2021")] = None,
    task: Annotated[str | None, typer.Option(help="learning task, of the survey's papers")] = None,
    access: Annotated[str | None, typer.Option(help="BB, WB or PWB, of the survey's papers")] = None,
    implemented: Annotated[bool, typer.Option("--implemented", help="only those that divulge implements")] = False,
    figure: Annotated[Path | None, typer.Option(help="draw papers per type, task and year into this SVG file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Search the literature; --implemented says which attacks and defences come from it."""
    from divulge.catalog.search import implementing, search

    if figure is not None:
        _draw(figure)
        return
    found = search(words or (), family, _years(year), task, access)
    done = implementing()
    if implemented:
        found = [paper for paper in found if paper.key in done]
    if as_json:
        out.print_json(json.dumps([asdict(paper) | {"implemented_by": done.get(paper.key, ())} for paper in found]))
        return
    if not found:
        out.print("No paper matches: leave out a word or a filter.")
        return
    out.print(_table(found, dict(done)))
    out.print(f"{counted(len(found), 'paper')}, {sum(paper.key in done for paper in found)} implemented")
    if implemented and not words:
        out.print(_coverage())


def _years(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    matched = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", text)
    if matched is None:
        raise InputError(f"--year: {text!r} is no year: write 2019, or 2019-2021")
    return int(matched[1]), int(matched[2] or matched[1])


def _table(found: list[Paper], done: dict[str, tuple[str, ...]]) -> Grid:
    shown = table("paper", "family", "title", "link", "divulge")
    for paper in found:
        name = paper.short if paper.authors else str(paper.year or "")
        shown.add_row(name, paper.family, paper.title, paper.link, ", ".join(done.get(paper.key, ())))
    return shown


def _coverage() -> Grid:
    from divulge.catalog.search import coverage

    shown = table("family", "entries of the list", "papers", "implemented")
    for row in coverage():
        shown.add_row(row.family, str(row.listed), str(row.papers), str(row.implemented) if row.implemented else "–")
    return shown


def _draw(path: Path) -> None:
    from divulge.catalog.search import per_attack_type, per_task, per_year
    from divulge.report.figures.papers import draw

    path.write_text(draw(per_attack_type(), per_task(), per_year()), encoding="utf-8")
    out.print(f"The picture: {path}", soft_wrap=True)
