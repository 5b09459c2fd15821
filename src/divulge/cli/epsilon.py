"""`divulge epsilon`: is a training as private as it is claimed to be?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from divulge.cli.claimed import RESUME, RUNS, ClaimPlace, run_of, say_where
from divulge.cli.screen import out
from divulge.core.errors import InputError


def epsilon(
    file: Annotated[
        Path | None, typer.Argument(help="audit file: members are trained on, nonmembers become canaries")
    ] = None,
    claimed: Annotated[float | None, typer.Option(help="the epsilon that is claimed")] = None,
    delta: Annotated[float, typer.Option(help="at which it is claimed")] = 1e-5,
    canary: Annotated[str, typer.Option(help="mislabelled, or natural for records as they are")] = "mislabelled",
    confidence: Annotated[float, typer.Option(help="of the bound")] = 0.95,
    seed: Annotated[int, typer.Option(help="equal seeds give equal results")] = 0,
    watch: Annotated[bool, typer.Option("--watch", help="look at every step of Opacus' optimiser")] = False,
    mechanism: Annotated[
        str | None, typer.Option(help="a function (data, rng) -> output instead of a file: module:function")
    ] = None,
    neighbors: Annotated[
        str, typer.Option(help="for it: records, answers, a named pair, or module:pair, two data sets")
    ] = "records",
    samples: Annotated[int, typer.Option(help="for it: outputs of each of the two data sets")] = 10_000,
    runs: Annotated[int, typer.Option(help="trainings with canaries: more of them tighten the bound")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    out_dir: RUNS = Path("divulge-runs"),
    resume: RESUME = None,
) -> None:
    """Train once with canaries by fair coins, or run a mechanism on two data sets, and bound epsilon from below.  Exit
    code 0: measured, and the claim is not refuted; 1: it is; 2: wrong input; 3: so few canaries or samples could not
    have refuted it.
    """
    if (file is None) == (mechanism is None):
        raise InputError("epsilon: give either an audit file, or --mechanism module:function")
    if mechanism is not None:
        from divulge.cli.mechanism import of_mechanism

        limits = (claimed, delta, confidence, samples, seed)
        raise typer.Exit(of_mechanism(mechanism, neighbors, limits, as_json, out_dir, resume))
    assert file is not None
    _of_training(file, claimed, delta, canary, confidence, runs, seed, watch, as_json, out_dir, resume)


def _of_training(
    file: Path,
    claimed: float | None,
    delta: float,
    canary: str,
    confidence: float,
    runs: int,
    seed: int,
    watch: bool,
    as_json: bool,
    out_dir: Path,
    resume: Path | None,
) -> None:
    """What an audit file says is trained, with canaries in it."""
    from divulge.claims import one_run
    from divulge.setup.audit_file import load
    from divulge.setup.from_file import recipe_and_sets

    if canary not in [kind.value for kind in one_run.Canary]:
        raise InputError(f"--canary {canary!r} is unknown: choose mislabelled or natural")
    recipe, sets = recipe_and_sets(load(file), file.resolve().parent, seed)
    with run_of("epsilon", file, out_dir, resume) as place:
        if watch:
            _watched(recipe, sets, claimed, delta, confidence, seed, as_json, place)
        found = one_run.one_run(
            recipe,
            sets.members,
            sets.nonmembers,
            claimed=claimed,
            delta=delta,
            confidence=confidence,
            kind=one_run.Canary(canary),
            runs=runs,
            seed=seed,
            out=place.out,
            resume=place.resume,
        )
    if as_json:
        out.print_json(one_run.as_json(found))
    else:
        _show(found)
    code = _code(found, as_json)
    if not as_json:
        say_where(found.run)
    raise typer.Exit(code)


def _show(found: Any) -> None:
    """What came of it, in words."""
    mark = "▲" if found.verdict == "leak" else "○"
    out.print(
        f"{mark} epsilon is at least {found.epsilon:.2f} at delta {found.delta:g} and {found.confidence:.0%} "
        f"confidence ({found.right} of {found.guesses} guesses about {found.canaries} canaries were right; so many "
        f"canaries could show up to {found.ceiling:.2f})",
        soft_wrap=True,
    )
    out.print(
        f"If the noise is Gaussian, as in DP-SGD, at least {found.epsilon_if_gaussian:.2f} (mu {found.mu:.2f}).",
        soft_wrap=True,
    )
    out.print(
        f"If canaries do not influence each other, at least {found.epsilon_if_independent:.2f}, and "
        f"{found.epsilon_if_both:.2f} if the noise is Gaussian too (mu {found.mu_if_independent:.2f}).",
        soft_wrap=True,
    )
    if found.claimed is not None:
        conclusion = "The claim is refuted" if found.verdict == "leak" else "The claim is not refuted, nor confirmed"
        out.print(f"{conclusion}: epsilon {found.claimed:g} was claimed.", soft_wrap=True)


def _code(found: Any, quiet: bool) -> int:
    """1 where the claim is refuted, 3 where so few canaries could not have refuted it, which is said."""
    blind = found.claimed is not None and found.verdict != "leak" and found.ceiling <= found.claimed
    if blind and not quiet:
        out.print(
            f"! so few canaries could not have refuted it: they show {found.ceiling:.2f} at most; give more of them",
            soft_wrap=True,
        )
    return 1 if found.verdict == "leak" else 3 if blind else 0


def _watched(
    recipe: Any,
    sets: Any,
    claimed: float | None,
    delta: float,
    confidence: float,
    seed: int,
    as_json: bool,
    place: ClaimPlace,
) -> None:
    """The training once more, seen from inside."""
    from divulge.claims import dp_training
    from divulge.claims.as_run import of_recipe, of_records

    if claimed is None:
        raise InputError("--watch needs --claimed: the epsilon that the training is said to cost")
    found = dp_training.dp_training(
        lambda: recipe.train(sets.members, seed),
        len(sets.members),
        claimed=claimed,
        delta=delta,
        confidence=confidence,
        seed=seed,
        subject=lambda: (of_recipe(recipe, sets.members.schema.task.value), of_records(sets.members, sets.nonmembers)),
        out=place.out,
        resume=place.resume,
    )
    if as_json:
        out.print_json(dp_training.as_json(found))
    else:
        mark = "▲" if found.verdict == "leak" else "○"
        out.print(
            f"{mark} {found.steps} steps, each on {found.rate:.2%} of {found.records} records, with noise of "
            f"{found.noise:.3f} times the largest contribution ({found.noise_low:.3f} to {found.noise_high:.3f}): "
            f"epsilon {found.done:.2f} at delta {found.delta:g}; {found.claimed:g} was claimed",
            soft_wrap=True,
        )
        for fault in found.faults:
            out.print(f"  {fault}", soft_wrap=True)
        out.print(
            f"{found.canaries} canaries in the gradients show an epsilon of at least {found.one_run:.2f} whatever the "
            f"mechanism, and of {found.by_step:.2f} if each step is Gaussian on a Poisson sample.",
            soft_wrap=True,
        )
        conclusion = "The claim is refuted." if found.verdict == "leak" else "The claim is not refuted, nor confirmed."
        out.print(conclusion, soft_wrap=True)
        say_where(found.run)
    raise typer.Exit(1 if found.verdict == "leak" else 0)
