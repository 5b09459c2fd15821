"""`divulge claim`: for a data owner: were my records used?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divulge.cli.claimed import RESUME, RUNS, run_of, say_where
from divulge.cli.screen import out
from divulge.core.wording import counted, percent

if TYPE_CHECKING:
    from divulge.claims.cardinality import Cardinality
    from divulge.claims.dataset_use import Usage

claim = typer.Typer(
    help="For a data owner: were my records used?  Exit code 0 whatever comes out: p is evidence, and no verdict.",
    no_args_is_help=True,
)


@claim.command()
def used(
    file: Annotated[Path, typer.Argument(help="audit file: members: one's own records, nonmembers: fresh ones")],
    confidence: Annotated[float, typer.Option(help="of the share of records used")] = 0.95,
    seed: Annotated[int, typer.Option(help="equal seeds give equal results")] = 0,
    share: Annotated[
        bool, typer.Option("--share", help="estimate the share, with models trained by the recipe")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    out_dir: RUNS = Path("divulge-runs"),
    resume: RESUME = None,
) -> None:
    """Test whether a model was trained on one's own records, and on how many of them.  Exit code 0 whatever the answer,
    which is the p-value; 2: wrong input.
    """
    from divulge.claims import dataset_use as claims
    from divulge.setup.audit_file import load
    from divulge.setup.from_file import recipe_and_sets, reference_of, target_and_sets

    target, sets = target_and_sets(load(file), file.resolve().parent, seed)
    counted_share = None
    with run_of("claim used", file, out_dir, resume) as place:
        if share:
            recipe, _ = recipe_and_sets(load(file), file.resolve().parent, seed)
            result, counted_share = claims.used_and_share(
                target,
                sets.members,
                sets.nonmembers,
                recipe,
                beside=sets.population,
                seed=seed,
                confidence=confidence,
                out=place.out,
                resume=place.resume,
            )
        else:
            beside = reference_of(load(file), file.resolve().parent, target)
            both = (sets.members, sets.nonmembers)
            result = claims.was_used(
                target, *both, seed, confidence, reference=beside, out=place.out, resume=place.resume
            )
    if as_json:
        out.print_json(claims.as_json(result, counted_share))
        return
    sizes = f"{counted(result.own, 'own record')} and {counted(result.fresh, 'fresh one')}"
    for line in _said(result, counted_share, sizes):
        out.print(line, soft_wrap=True)
    say_where(result.run)


def _said(result: Usage, share: Cardinality | None, sizes: str) -> list[str]:
    """What came of it, and how two lower bounds go together."""
    from divulge.claims.dataset_use import p_shown

    p = p_shown(result)
    if result.apart:
        return [f"✗ Nothing can be said: {result.apart}."]
    mark = "▲" if result.p_value <= 0.05 else "○"
    lines = [
        f"{mark} {p}: the probability that the own records look so familiar to a model that saw none of them ({sizes})",
        f"At least {percent(result.share)} of the own records were used, at {percent(result.confidence)} confidence. "
        "This holds if own and fresh records were drawn alike.",
    ]
    if share is None:
        return lines
    lines.append(
        f"About {percent(share.share)} of them were used ({percent(share.low)} to {percent(share.high)}), if the "
        f"{share.models} models that were trained for comparison resemble this one."
    )
    if round(share.low, 2) != round(result.share, 2):
        lines.append(
            f"The two lower bounds come from two tests: {percent(result.share)} from comparing own with fresh records, "
            f"{percent(share.low)} with the uncertainty about how used records score. Neither refutes the other: the "
            f"higher one, {percent(max(share.low, result.share))}, holds under its own condition."
        )
    return lines


@claim.command()
def mint(
    records: Annotated[Path, typer.Argument(help="table of the records that will be published")],
    target: Annotated[str, typer.Option(help="the column that models will predict")],
    folder: Annotated[Path, typer.Option("--out", help="where canaries.csv and secret.json go")] = Path("canaries"),
    number: Annotated[int, typer.Option(help="of canaries")] = 50,
) -> None:
    """Make marked records to publish among one's own, and commit to them."""
    from divulge.claims import dataset_use as claims
    from divulge.data.files import read_table

    commitment = claims.mint(read_table(records, "records"), target, number, folder)
    out.print(f"Publish {folder / 'canaries.csv'} among the records; keep {folder / 'secret.json'}.", soft_wrap=True)
    out.print(f"Commitment, to be published or deposited now: {commitment}", soft_wrap=True)


@claim.command()
def test(
    file: Annotated[Path, typer.Argument(help="audit file that names the model")],
    secret: Annotated[Path, typer.Option(help="secret.json of the mint")],
    commitment: Annotated[str | None, typer.Option(help="the hash that was published")] = None,
    seed: Annotated[int, typer.Option(help="of the run; p does not depend on it")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    out_dir: RUNS = Path("divulge-runs"),
    resume: RESUME = None,
) -> None:
    """Test, exactly, whether a model was trained on minted canaries.  Exit code 0 whatever the answer, which is the
    p-value; 2: wrong input.
    """
    from divulge.claims import dataset_use as claims
    from divulge.setup.audit_file import load
    from divulge.setup.from_file import canaries_from

    content = claims.read_secret(secret, commitment)
    target, canaries = canaries_from(load(file), file.resolve().parent, content)
    with run_of("claim test", file, out_dir, resume) as place:
        hashed = claims.commitment_of(secret)
        result = claims.canaries_used(
            target,
            canaries.records,
            hashed,
            seed,
            labels=canaries.labels,
            chances=canaries.chances,
            out=place.out,
            resume=place.resume,
        )
    if as_json:
        out.print_json(claims.as_json(result))
        return
    mark = "▲" if result.p_value <= 0.05 else "○"
    chance = (result.sides - 1) / 2
    out.print(
        f"{mark} p = {result.p_value:.4g}, exact: the probability that a model that saw none of the {result.canaries} "
        f"canaries ranks their labels so high (mean rank {result.mean_rank:.2f}, chance {chance:.2f})",
        soft_wrap=True,
    )
    say_where(result.run)
