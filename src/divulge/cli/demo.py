"""`divulge demo`: a full audit on real data."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.carry import carry_out
from divulge.cli.screen import Screen, out
from divulge.core.results.finding import Verdict


class Name(str, Enum):
    """Which demonstration."""

    patients = "patients"
    fashion = "fashion"
    census = "census"
    synthetic = "synthetic"
    language = "language"
    defenses = "defenses"


def demo(
    name: Annotated[
        Name,
        typer.Argument(
            help="patients and defenses need nothing; fashion, census and synthetic their data, language the extra text"
        ),
    ] = (Name.patients),
    out_dir: Annotated[Path, typer.Option("--out", help="folder for the runs")] = Path("divulge-runs"),
    seed: Annotated[int, typer.Option(help="equal seeds give equal results")] = 0,
    minutes: Annotated[float, typer.Option(help="for each audit, the training of its model included")] = 10.0,
) -> None:
    """Train a model on real data, try all that somebody could who got hold of it, and say where the report is.

    defenses: what each of several defences leaves of the attacks, side by side.  A demonstration shows leaks, so they
    are no failure: exit code 0 where its audits were played to the end, 3 where one could not be.
    """
    if name is Name.defenses:
        _compared(out_dir / "defenses", seed)
        return
    from divulge.runs.find import new_folder
    from divulge.workflows.demos import DEMOS
    from divulge.workflows.origin import Origin

    broke, begun = False, time.perf_counter()
    for number, job in enumerate(DEMOS[name.value](seed)):
        out.print()
        origin = Origin(name.value, number=number, seed=seed, minutes=minutes)
        passed = time.perf_counter() - begun
        run = carry_out(job, new_folder(out_dir, job.name), origin, minutes, Screen(refusals=False), passed=passed)
        begun = time.perf_counter()
        unseen = any(f.verdict is Verdict.NOT_EXAMINED and f.left_out for f in run.result.family_verdicts.values())
        broke = broke or unseen or bool(run.result.failed()) or run.verdict in (Verdict.FAILED, Verdict.INVALID)
    if broke:
        raise typer.Exit(3)


def _compared(folder: Path, seed: int) -> None:
    from divulge.cli.compare import show_matrix
    from divulge.workflows import compare_defenses as defenses_compared
    from divulge.workflows import defense_matrix as matrix
    from divulge.workflows.demos import defended_patients

    plan, compositions = defended_patients(seed)
    out.print(f"\nComparing {len(compositions)} compositions of defences of {plan.name}")
    with Screen() as screen:
        found = matrix.matrix(plan, compositions, folder, screen)
    show_matrix(found, defenses_compared.write(found, folder))
