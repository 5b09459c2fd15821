"""Where the run of a claim lies, and how a claim ends that was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.ending import INCOMPLETE
from divulge.cli.screen import complain, out

RUNS = Annotated[Path, typer.Option("--out", help="folder for the runs")]
RESUME = Annotated[
    Path | None,
    typer.Option(help="a run to go on with: what came to its end is read, what was interrupted begins again"),
]


@dataclass(frozen=True)
class ClaimPlace:
    """out: the folder of a new run.  resume: the run to go on with.  One of them is None.  again: how to go on."""

    out: Path | None
    resume: Path | None
    again: str

    @property
    def folder(self) -> Path:
        """Where the run lies."""
        return self.resume or self.out or Path()


@contextmanager
def run_of(verb: str, file: Path, out_dir: Path, resume: Path | None) -> Iterator[ClaimPlace]:
    """The place of a claim's run.  Raises typer.Exit(3) where the user interrupts it, once it is said how to go on."""
    from divulge.runs.find import discard_empty, new_folder, run_at

    again = f"divulge {verb} {file} --resume"
    found = run_at(resume, out_dir) if resume is not None else None
    place = ClaimPlace(None if found else new_folder(out_dir, f"{file.stem} {verb}"), found, again)
    try:
        yield place
    except KeyboardInterrupt:
        kept = (place.folder / "run.json").is_file()
        complain(
            f"interrupted: go on with: {again} {place.folder}" if kept else "interrupted before anything was found"
        )
        raise typer.Exit(INCOMPLETE) from None
    finally:
        if found is None:
            discard_empty(place.folder)


def say_where(run: Path | None) -> None:
    """Write the report of a run, and say where both lie."""
    from divulge.workflows.audit import Run

    if run is not None:
        out.print(f"Run: {run}; report: {Run.open(run).report().resolve()}", style="dim", soft_wrap=True)
