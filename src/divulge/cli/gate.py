"""`divulge gate`: for continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.screen import out
from divulge.core.wording import percent


def gate(
    run: Annotated[Path, typer.Argument(help="the run's folder")],
    policy: Annotated[Path | None, typer.Option(help="policy file; the run's own policy when left out")] = None,
) -> None:
    """Judge a run.  Exit code 0: within policy; 1: a leak above it; 2: wrong input; 3: incomplete."""
    from divulge.auditing.gate import judge, load_policy

    judgement = judge(run, load_policy(policy) if policy is not None else None)
    for finding in judgement.broken:
        out.print(
            f"▲ rule thresholds.{finding.metric} = {finding.threshold:g} is broken by {finding.attack}: the advantage "
            f"is at least {percent(finding.advantage_low or 0)}",
            soft_wrap=True,
        )
    for reason in judgement.incomplete:
        out.print(f"! incomplete: {reason}", soft_wrap=True)
    if not judgement.broken and not judgement.incomplete:
        out.print("○ within policy: no finding above a threshold.  A result is a lower bound.", soft_wrap=True)
    raise typer.Exit(judgement.exit_code)
