"""The command `divulge`."""

from __future__ import annotations

from typing import Annotated

import typer

from divulge.cli.attacks import attacks
from divulge.cli.audit import audit
from divulge.cli.cache import cache
from divulge.cli.claim import claim
from divulge.cli.compare import compare
from divulge.cli.demo import demo
from divulge.cli.ending import Verbs, leave
from divulge.cli.epsilon import epsilon
from divulge.cli.gate import gate
from divulge.cli.init import init
from divulge.cli.papers import papers
from divulge.cli.record import record
from divulge.cli.report import report
from divulge.cli.screen import out
from divulge.cli.secrets.canaries import canaries
from divulge.cli.sharing.carry import pull, push
from divulge.cli.sharing.runs import runs
from divulge.cli.structural.structure import structure
from divulge.cli.watched import watched
from divulge.core.boundary.streams import speak_unicode

app = typer.Typer(
    name="divulge",
    cls=Verbs,
    help="What does a model give away, to whom, and how sure are we?  Exit codes: 0 examined and within policy, 1 a "
    "leak above policy, 2 the input is wrong, 3 there is no verdict: incomplete, interrupted, failed, invalid or not "
    "measurable, 70 a fault of divulge itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from divulge import __version__

        out.print(f"divulge {__version__}")
        raise typer.Exit


@app.callback()
def divulge(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and leave")
    ] = False,
) -> None:
    """Options of the command itself."""


for verb in (
    demo,
    init,
    audit,
    attacks,
    report,
    gate,
    compare,
    epsilon,
    record,
    structure,
    papers,
    runs,
    push,
    pull,
    cache,
):
    app.command()(verb)
app.add_typer(claim, name="claim")
app.add_typer(canaries, name="canaries")


def main() -> None:
    """Run the command; see cli.ending for how it ends, and cli.watched for what sees to that."""
    speak_unicode()
    try:
        watched(app)
    except SystemExit as ended:
        leave(ended.code)
        raise


if __name__ == "__main__":
    main()
