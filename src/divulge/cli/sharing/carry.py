"""`divulge push` and `divulge pull`: runs to other machines and object storage, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from divulge.cli.screen import out

ADDRESS = "a folder, or s3://bucket/runs, gs://..., sftp://...: any address of fsspec"


def push(
    run: Annotated[Path, typer.Argument(help="the run: its folder, its name, or latest")],
    address: Annotated[str, typer.Argument(help=ADDRESS)],
    out_dir: Annotated[Path, typer.Option("--out", help="folder of the runs")] = Path("divulge-runs"),
) -> None:
    """Put a copy of a run under an address, in a folder of its name."""
    from divulge.runs.find import run_at
    from divulge.runs.storage import push as put
    from divulge.runs.storage import shown

    typer.echo(shown(put(run_at(run, out_dir), address)))


def pull(
    address: Annotated[str, typer.Argument(help="of the run, as divulge push printed it")],
    out_dir: Annotated[Path, typer.Option("--out", help="folder for the runs")] = Path("divulge-runs"),
) -> None:
    """Bring a run here, once every file of it is what was written."""
    from divulge.runs.storage import pull as get

    out.print(str(get(address, out_dir)), soft_wrap=True, markup=False)
