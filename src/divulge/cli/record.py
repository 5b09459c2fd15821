"""`divulge record`: how well can the record that stands out be named?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from divulge.cli.claimed import RESUME, RUNS, run_of, say_where
from divulge.cli.screen import out
from divulge.core.errors import InputError
from divulge.core.wording import percent

if TYPE_CHECKING:
    from divulge.claims.worst_record import RecordPlan

CODES = {"leak": 1, "not found": 0, "not measurable": 3}


def record(
    file: Annotated[Path, typer.Argument(help="audit file: records are chosen among members, nonmembers fill up")],
    rows: Annotated[
        str, typer.Option(help="members to look at, as 3,17, counted from 0; left out, a rule chooses")
    ] = "",
    rule: Annotated[str, typer.Option(help="exposed: whose presence moves answers most, or outliers")] = "exposed",
    candidates: Annotated[int, typer.Option(help="how many records the rule chooses")] = 3,
    game: Annotated[str, typer.Option(help="resampled: in any company, or same: in this very data set")] = "resampled",
    references: Annotated[int, typer.Option(help="trainings to choose records and to learn attacks")] = 64,
    trials: Annotated[int, typer.Option(help="trainings on which they are judged")] = 128,
    tolerated: Annotated[float, typer.Option(help="advantage that is no leak")] = 0.05,
    confidence: Annotated[float, typer.Option(help="of all intervals together")] = 0.95,
    seed: Annotated[int, typer.Option(help="equal seeds give equal results")] = 0,
    cache: Annotated[bool, typer.Option(help="keep trained models for the next run")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    out_dir: RUNS = Path("divulge-runs"),
    resume: RESUME = None,
) -> None:
    """Train the recipe many times, half of them with a record, and say how well it is named.  Exit code 0: not found,
    for these records; 1: one can be named; 2: wrong input; 3: so few trainings could not have shown it.
    """
    from divulge.auditing.resources import resources
    from divulge.claims import worst_record as one
    from divulge.core.capability.recipes import reusable
    from divulge.setup.audit_file import load
    from divulge.setup.from_file import recipe_and_sets

    plan = _plan(_numbers(rows), rule, candidates, game, (references, trials), (tolerated, confidence))
    tools = resources(cache=cache)
    what = ("looking at one record", "trains the model anew, many times, with the record and without it")
    recipe, sets = recipe_and_sets(load(file), file.resolve().parent, seed, what, tools)
    kept = tools.artifact_cache if reusable(recipe) else None
    with run_of("record", file, out_dir, resume) as place:
        found = one.audited_records(
            recipe,
            sets.members,
            sets.nonmembers,
            plan,
            seed=seed,
            artifact_cache=kept,
            out=place.out,
            resume=place.resume,
        )
    if as_json:
        out.print_json(one.as_json(found))
    else:
        _show(found)
        say_where(found.run)
    raise typer.Exit(CODES[found.verdict])


def _plan(
    rows: tuple[int, ...],
    rule: str,
    candidates: int,
    game: str,
    trainings: tuple[int, int],
    bounds: tuple[float, float],
) -> RecordPlan:
    """What the options ask for.  trainings: references and trials.  bounds: tolerated, and of what confidence."""
    from divulge.claims import worst_record as one
    from divulge.claims.record_trainings import RecordGame

    if rule not in ("exposed", "outliers"):
        raise InputError(f"--rule {rule!r} is unknown: choose exposed or outliers; --rows names records")
    if game not in [each.value for each in RecordGame]:
        raise InputError(f"--game {game!r} is unknown: choose resampled or same")
    return one.RecordPlan(rows, one.Rule(rule), candidates, RecordGame(game), *trainings, *bounds)


def _numbers(rows: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in rows.replace(",", " ").split())
    except ValueError:
        raise InputError(f"--rows {rows!r} are no row numbers: write them as --rows 3,17") from None


def _show(found: Any) -> None:
    """What came of it, in words: one line a record, the worst first."""
    for each in found.records:
        mark = "▲" if each.low > found.tolerated else "○" if found.verdict != "not measurable" else "–"
        out.print(
            f"{mark} row {each.row} ({each.label}): named in {each.tpr.successes} of {each.tpr.trials} trainings with "
            f"it and {each.fpr.successes} of {each.fpr.trials} without; advantage {each.advantage:.2f} ({each.low:.2f} "
            f"to {each.high:.2f}){'; ' if each.why else ''}{'; '.join(each.why)}",
            soft_wrap=True,
        )
    at = (
        f"Intervals hold for all {len(found.records)} records at once"
        if len(found.records) > 1
        else "The interval holds"
    )
    out.print(
        f"{at}, at {percent(found.confidence)} confidence. Other records were not looked at: the worst of all may be "
        "worse.",
        soft_wrap=True,
    )
