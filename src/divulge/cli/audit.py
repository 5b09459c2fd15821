"""`divulge audit`: audit what a file describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divulge.cli.screen import Screen, out, show_plan, show_summary
from divulge.core.errors import InputError

if TYPE_CHECKING:
    from divulge.auditing.config import AuditFile

LIMIT = "for all of it; 10 where the file names neither attacks nor families"
MINUTES = 10.0
"""For an audit of everything that the threat model allows."""


def audit(
    file: Annotated[Path | None, typer.Argument(help="the audit file, YAML", show_default=False)] = None,
    out_dir: Annotated[Path, typer.Option("--out", help="folder for the runs")] = Path("divulge-runs"),
    seed: Annotated[int | None, typer.Option(help="instead of the file's seed")] = None,
    resume: Annotated[Path | None, typer.Option(help="go on with this run's folder")] = None,
    engine: Annotated[str, typer.Option(help="auto, stacked, threads, processes, sequential or ray")] = "auto",
    jobs: Annotated[int | None, typer.Option(help="worker processes; all cores when left out")] = None,
    address: Annotated[str | None, typer.Option(help="of a Ray cluster")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="4 shadow models")] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="64 shadow models")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="neither use nor keep models of other runs")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="ask about 3 records, say what was understood")] = False,
    minutes: Annotated[float | None, typer.Option(help=LIMIT)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print the verdict only")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON schema of audit files")] = False,
) -> None:
    """Audit a model of your own.  Exit code 0: examined, and no leak found; 1: a leak; 2: wrong input; 3: incomplete,
    failed, invalid or not measurable.
    """
    from divulge.auditing.config import AuditFile, load

    if schema:
        out.print_json(json.dumps(AuditFile.model_json_schema()))
        return
    if file is None:
        raise InputError("name an audit file: divulge audit AUDIT.yaml (its keys: divulge audit --schema)")
    described = _limited(load(file), minutes)
    from divulge.auditing.assemble import FAST_SHADOWS, THOROUGH_SHADOWS
    from divulge.auditing.conduct import conduct
    from divulge.auditing.files import job_from_file
    from divulge.auditing.gate import judge
    from divulge.auditing.library import Run, new_folder
    from divulge.auditing.workshop import workshop

    if fast and thorough:
        raise InputError("--fast and --thorough exclude each other: choose one")
    shadows = FAST_SHADOWS if fast else THOROUGH_SHADOWS if thorough else None
    tools = workshop("ray" if address else engine, jobs, not no_cache, address)
    job = job_from_file(described, file.resolve().parent, seed, shadows, tools)
    if dry_run:
        show_plan(job)
        return
    if not quiet:
        out.print(f"Auditing [bold]{job.name}[/bold]: {job.target.name}, {len(job.candidates):,} records")
    place = resume if resume is not None else new_folder(out_dir, job.name)
    with Screen(quiet, refusals=described.attacks is not None) as screen:
        folder = conduct(job, place, resume=resume is not None, progress=screen, minutes=described.minutes)
    run = Run.open(folder.path)
    show_summary(run.dossier, str(run.report().resolve()))
    raise typer.Exit(judge(folder.path).exit_code)


def _limited(described: AuditFile, minutes: float | None) -> AuditFile:
    """With its time limit: of the command line, of the file, or the usual one where everything is tried."""
    named = described.attacks is not None or described.families is not None
    limit = minutes if minutes is not None else described.minutes
    return described.model_copy(update={"minutes": MINUTES if limit is None and not named else limit})
