"""An audit from its first line on the terminal to its verdict, whatever interrupts it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from divulge.cli.screen import LONGEST, Screen, complain, out, show_summary
from divulge.core.wording import one_line

if TYPE_CHECKING:
    from divulge.auditing.job import Job
    from divulge.workflows.audit import Run
    from divulge.workflows.origin import Origin


def carry_out(
    job: Job,
    place: Path,
    origin: Origin | None,
    minutes: float | None,
    screen: Screen,
    resume: bool = False,
    passed: float = 0.0,
) -> Run:
    """Play a job into a folder that is named first, and show what came of it.

    passed: seconds of the minutes that are over already.
    Raises typer.Exit(3) where the user interrupts it, once it has been said how to go on.
    """
    from divulge.workflows.audit import Run
    from divulge.workflows.origin import noted
    from divulge.workflows.run_audit import run_audit

    if not screen.quiet:
        name, target = one_line(job.name, LONGEST), one_line(job.target.name, LONGEST)
        named = Text.assemble("Auditing ", (name, "bold"), f": {target}, {len(job.candidates):,} records")
        out.print(named, soft_wrap=True)
        out.print(f"Run: {place}", soft_wrap=True)
    try:
        with screen, noted(place, origin):
            run_audit(job, place, resume=resume, progress=screen, minutes=minutes, passed=passed)
        run = Run.open(place)
        show_summary(run.result, str(run.report().resolve()), place)
    except KeyboardInterrupt:
        kept = (place / "run.json").is_file()
        complain(
            f"interrupted: what was found is kept; go on with: divulge audit --resume {place}"
            if kept
            else "interrupted before anything was found"
        )
        raise typer.Exit(3) from None
    return run
