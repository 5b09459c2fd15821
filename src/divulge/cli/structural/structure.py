"""`divulge structure`: what a classifier's structure shows, before any attack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.screen import out

MARKS = {True: "○", False: "▲", None: "–"}


def structure(
    file: Annotated[Path, typer.Argument(help="audit file: a classifier, and data.members it was trained on")],
    group: Annotated[int, typer.Option(help="people who must at least be together")] = 10,
    freedom: Annotated[int, typer.Option(help="records there must be more than learned parameters")] = 10,
    seed: Annotated[int, typer.Option(help="of splits that the file asks for")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Check a classifier by the rules of disclosure control; nothing is trained or attacked.  Exit code 0: all rules
    hold; 1: one is broken; 2: wrong input; 3: of one it cannot be said.  Rules that hold are no all-clear: audit the
    model as well.
    """
    from divulge.claims import structure as claims
    from divulge.setup.audit_file import load
    from divulge.setup.from_file import target_and_sets

    target, sets = target_and_sets(load(file), file.resolve().parent, seed)
    found = claims.structure(target, sets.members, group, freedom)
    if as_json:
        out.print_json(data=claims.as_json(found))
    else:
        for rule in found.rules:
            out.print(f"{MARKS[rule.holds]} {rule.name}: {rule.measured}", soft_wrap=True)
            if rule.holds is False:
                out.print(f"  try: {rule.cure}", soft_wrap=True)
    if found.broken:
        raise typer.Exit(1)
    if found.unknown:
        raise typer.Exit(3)
