"""The command `divulge`."""

from __future__ import annotations

import sys

import typer

from divulge.cli.attacks import attacks
from divulge.cli.audit import audit
from divulge.cli.cache import cache
from divulge.cli.claim import claim
from divulge.cli.compare import compare
from divulge.cli.demo import demo
from divulge.cli.epsilon import epsilon
from divulge.cli.gate import gate
from divulge.cli.papers import papers
from divulge.cli.report import report
from divulge.cli.screen import complain
from divulge.core.errors import DivulgeError

app = typer.Typer(
    name="divulge",
    help="What does a model give away, to whom, and how sure are we?  Exit codes: 0 examined and within policy, "
    "1 a leak above policy, 2 the input is wrong, 3 the audit is incomplete, failed, invalid or not measurable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in (demo, audit, attacks, report, gate, compare, epsilon, papers, cache):
    app.command()(verb)
app.add_typer(claim, name="claim")


def main() -> None:
    """Run the command; an error of divulge's own becomes one line and exit code 2."""
    try:
        app()
    except DivulgeError as error:
        complain(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        complain("interrupted: what was found is kept, go on with --resume")
        sys.exit(3)


if __name__ == "__main__":
    main()
