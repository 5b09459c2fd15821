"""`divulge gate`: for continuous integration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divulge.cli.screen import out, table
from divulge.core.errors import InputError
from divulge.core.results.metric import AUC, FIDELITY, tpr_at
from divulge.core.wording import counted

if TYPE_CHECKING:
    from divulge.runs.regression import Progressed

E_VALUE = "of the membership attacks (20 or more: once in twenty where nothing leaks, however often one looks again)"


def gate(
    run: Annotated[
        Path | None, typer.Argument(help="the run: its folder, its name, or latest", show_default=False)
    ] = None,
    policy: Annotated[str | None, typer.Option(help="name or file; the run's own policy when left out")] = None,
    before: Annotated[Path | None, typer.Option(help="run of the model before: leaking more than it fails")] = None,
    same_records: Annotated[
        bool | None,
        typer.Option(
            "--same-records/--other-records",
            help="with --before: both runs are about the same records in one order, or about others; else by content",
            show_default=False,
        ),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="write the verdicts as JUnit XML into this file")] = None,
    policies: Annotated[bool, typer.Option("--policies", help="list the policies that come with divulge")] = False,
) -> None:
    """Judge a run.  Exit code 0: examined, and within policy; 1: leaks above it, or more than before; 2: bad input; 3:
    incomplete, failed, invalid or not measurable.
    """
    from divulge.runs.policies import load_policy

    if policies:
        _list()
        return
    if run is None:
        raise InputError("name the folder of a run: divulge gate RUN (or --policies for the policies there are)")
    from divulge.runs.find import run_at
    from divulge.runs.gate import judge

    run, before = run_at(run), run_at(before) if before is not None else None
    judgment = judge(run, load_policy(policy) if policy is not None else None, before, same_records)
    for line in judgment.said():
        out.print(line, soft_wrap=True)
    if not judgment.exit_code and judgment.only_claims:
        out.print("○ the claim was tested, and not upheld.  Nothing else was examined.", soft_wrap=True)
    elif not judgment.exit_code:
        named = f" {judgment.policy.name}" if judgment.policy.name else ""
        out.print(f"○ within policy{named}: no finding above a threshold.  A result is a lower bound.", soft_wrap=True)
    if judgment.e_value is not None:
        out.print(f"  e-value {judgment.e_value:.3g} {E_VALUE}", soft_wrap=True)
    if judgment.progressed is not None:
        out.print(_compared(judgment.progressed, judgment.before), soft_wrap=True)
    if junit is not None:
        from divulge.runs.export import junit_of

        junit.write_text(junit_of(run, judgment), encoding="utf-8")
    raise typer.Exit(judgment.exit_code)


def _compared(progressed: Progressed, before: str) -> str:
    """What the comparison with the run before rests on."""
    comparison = f"  compared with {before} by {counted(progressed.compared, 'metric')} ({progressed.records})"
    if progressed.headline is not None:
        value, low, high = progressed.headline
        comparison += f"; the AUC of {progressed.attack} changed by {value:+.3f} ({low:+.3f} to {high:+.3f})"
    return comparison


def _list() -> None:
    from divulge.runs.policies import load_policy, shipped

    shown = table("policy", "for", "AUC", "TPR at 1 % FPR", "copies", "must be measured")
    for name in shipped():
        found = load_policy(name)
        limits = [f"{found.threshold(metric):g}" for metric in (AUC, tpr_at(0.01), FIDELITY)]
        shown.add_row(name, found.purpose, *limits, ", ".join(found.requires))
    out.print(shown)
    out.print("Thresholds are advantages: 0 for guessing, 1 for certainty.", soft_wrap=True)
