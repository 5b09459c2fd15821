"""`divulge audit`: audit what a file describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divulge.cli.carry import carry_out
from divulge.cli.screen import Screen, out, show_plan
from divulge.core.boundary.watch import watcher
from divulge.core.errors import InputError

if TYPE_CHECKING:
    from divulge.auditing.resources import Resources
    from divulge.setup.audit_file import AuditFile
    from divulge.workflows.origin import Origin

LIMIT = "for all of it; 10 where the file names neither attacks nor families"
FAST_SHADOWS = 4
THOROUGH_SHADOWS = 64
MINUTES = 10.0
"""For an audit of everything that the threat model allows."""

RESUME = "go on with this run: its folder, its name, or latest; needs no file"


def audit(  # noqa: PLR0913, PLR0917  # a command's options
    file: Annotated[Path | None, typer.Argument(help="the audit file, YAML", show_default=False)] = None,
    out_dir: Annotated[Path, typer.Option("--out", help="folder for the runs")] = Path("divulge-runs"),
    seed: Annotated[int | None, typer.Option(help="instead of the file's seed")] = None,
    resume: Annotated[Path | None, typer.Option(help=RESUME)] = None,
    engine: Annotated[
        str | None, typer.Option(help="instead of the file's: auto, stacked, threads, processes, sequential or ray")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="instead of the file's: worker processes")] = None,
    address: Annotated[str | None, typer.Option(help="of a Ray cluster")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="4 shadow models")] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="64 shadow models")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="neither use nor keep models of other runs")] = False,
    untrusted: Annotated[bool, typer.Option("--untrusted", help="refuse an audit file that could run code")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="ask about 3 records, say what was understood")] = False,
    minutes: Annotated[float | None, typer.Option(help=LIMIT)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print the verdict only")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON schema of audit files")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="explain the keys of audit files")] = False,
) -> None:
    """Audit a model of your own.  An audit file with `trust` or a `factory` is a program of whoever wrote it: look at
    it, or add --untrusted.  Exit code 0: examined, and no leak found; 1: a leak; 2: wrong input; 3: incomplete,
    failed, invalid or not measurable.
    """
    from divulge.runs.find import new_folder, run_at
    from divulge.runs.gate import judge
    from divulge.setup.audit_file import AuditFile, parsed
    from divulge.setup.boundary import confine, refuse_code

    if schema:
        out.print_json(json.dumps(AuditFile.model_json_schema()))
        return
    if keys:
        from divulge.setup.audit_file_keys import page

        typer.echo(page(), nl=False)
        return
    board = watcher()
    again = board.resumed if board is not None else None  # a process before this one died in the midst of it
    place = again or (run_at(resume, out_dir) if resume is not None else None)
    origin = _begun(file, place, seed, _shadows(fast, thorough), minutes)
    described = parsed(origin.content, origin.name) if origin.content is not None else None
    if described is not None:
        if untrusted:
            refuse_code(described, Path(origin.folder or "."))
        confine(described, "ray" if address else engine)
    job = origin.job(_resources(described, engine, jobs, no_cache, address))
    if dry_run:
        show_plan(job)
        return
    screen = Screen(quiet, refusals=described is not None and described.attacks is not None)
    where = place or new_folder(out_dir, job.name)
    run = carry_out(job, where, origin, origin.minutes, screen, resume=place is not None)
    raise typer.Exit(judge(run.folder).exit_code)


def _resources(
    described: AuditFile | None, engine: str | None, jobs: int | None, no_cache: bool, address: str | None
) -> Resources:
    """Those of the file (a demonstration has none), but for what the command line says instead."""
    from divulge.auditing.resources import resources
    from divulge.setup.settings import Options

    instead = {"engine": "ray" if address else engine, "jobs": jobs, "cache": False if no_cache else None}
    chosen = Options() if described is None else described.options()
    chosen = chosen.changed(**{key: value for key, value in instead.items() if value is not None})
    return resources(chosen.engine, chosen.jobs, chosen.cache, address)


def _begun(file: Path | None, run: Path | None, seed: int | None, shadows: int | None, minutes: float | None) -> Origin:
    """What the audit works on: the file that was named, or what the run to go on with was begun with."""
    from dataclasses import replace

    from divulge.runs.find import named_in_unicode
    from divulge.runs.index_address import is_shared
    from divulge.setup.audit_file import parsed, text_of
    from divulge.workflows.origin import Origin, origin_of

    if is_shared():  # looked at while there is a network, see setup.boundary
        from divulge.runs.index import check

        check()
    if file is not None:
        content = text_of(named_in_unicode(file))
        limit = _limit(parsed(content, file.name), minutes)
        return Origin(file.name, content, str(file.resolve().parent), 0, seed, shadows, limit)
    if run is None:
        raise InputError("name an audit file: divulge audit AUDIT.yaml (divulge init writes a first one)")
    found = origin_of(run)
    return replace(
        found,
        seed=found.seed if seed is None else seed,
        shadows=found.shadows if shadows is None else shadows,
        minutes=found.minutes if minutes is None else minutes,
    )


def _shadows(fast: bool, thorough: bool) -> int | None:
    if fast and thorough:
        raise InputError("--fast and --thorough exclude each other: choose one")
    return FAST_SHADOWS if fast else THOROUGH_SHADOWS if thorough else None


def _limit(described: AuditFile, minutes: float | None) -> float | None:
    """Minutes: of the command line, of the file, or the usual ones where everything is tried."""
    named = described.attacks is not None or described.families is not None
    limit = minutes if minutes is not None else described.minutes
    return MINUTES if limit is None and not named else limit
