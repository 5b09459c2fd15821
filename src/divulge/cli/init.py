"""`divulge init`: write a first audit file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.screen import out
from divulge.core.errors import InputError


def init(
    folder: Annotated[Path, typer.Argument(help="with the model and its records")] = Path(),
    file: Annotated[str, typer.Option("-o", "--output", help="name of the audit file, put into that folder")] = (
        "audit.yaml"
    ),
) -> None:
    """Look at a folder, and write a first audit file for the model and the tables in it."""
    from divulge.setup.audit_file import parsed
    from divulge.setup.first_audit_file import look, written

    path = folder / file
    if path.exists():
        raise InputError(f"{path} is there already: name another file with --output")
    draft = look(folder)
    target, trust = draft.target, True
    if sys.stdin.isatty() and sys.stdout.isatty():
        if draft.columns:
            target = typer.prompt(f"Which column does the model predict? ({', '.join(draft.columns[:12])})", target)
        if draft.pickled:
            trust = typer.confirm(f"{draft.model.name} can run code when it is loaded. Do you know who made it?", True)
    text = written(draft, target, trust)
    parsed(text, path.name)
    path.write_text(text, encoding="utf-8")
    out.print(
        f"{path}: {draft.kind} model {draft.model.name}, members {draft.members.name}, non-members "
        f"{draft.nonmembers.name}" + (f", predicts {target}" if draft.columns else ""),
        soft_wrap=True,
    )
    out.print(f"Look it over, then: divulge audit {path} --dry-run", soft_wrap=True)
