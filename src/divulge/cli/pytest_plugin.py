"""For pytest: audits as fixtures, their reports named at the end.

    def test_the_model_keeps_its_patients(divulge_audit):
        run = divulge_audit(model, members=(x_in, y_in), nonmembers=(x_out, y_out), name="tumours")
        divulge.assert_no_leak(run, policy="serve-by-api")

Runs lie under --divulge-out, or in the test's temporary folder.  With --divulge-before FOLDER the fixture
divulge_before finds the run of the same name in another such folder, for
assert_no_leak(run, before=divulge_before("tumours")).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from divulge.workflows.audit import Run

PROPERTY = "divulge"
"""Under which a test's record, and JUnit XML, say where a report is."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where runs go, and where those of the model before lie."""
    group = parser.getgroup("divulge", "audits of models")
    group.addoption("--divulge-out", default=None, help="folder for the runs of divulge_audit, kept after the tests")
    group.addoption("--divulge-before", default=None, help="folder with the runs of the model before")


@pytest.fixture
def divulge_audit(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Run]:
    """`divulge.audit`, with the run's folder named after `name` or the test, and its report written."""
    root = request.config.getoption("--divulge-out")

    def audit(*args: Any, **settings: Any) -> Run:
        import divulge

        name = str(settings.setdefault("name", request.node.name))
        settings.setdefault("out", (Path(root) if root else tmp_path) / _slug(name))
        run: Run = divulge.audit(*args, **settings)
        request.node.user_properties.append((PROPERTY, f"{name}: {run.verdict.value}, {run.report().resolve()}"))
        return run

    return audit


@pytest.fixture
def divulge_before(request: pytest.FixtureRequest) -> Callable[[str], Path | None]:
    """From a name to the run of the model before under --divulge-before; None where there is none."""
    root = request.config.getoption("--divulge-before")

    def before(name: str) -> Path | None:
        folder = Path(root) / _slug(name) if root else None
        return folder if folder is not None and (folder / "run.json").is_file() else None

    return before


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Where the reports are."""
    ended = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = [
        text
        for report in ended
        if getattr(report, "when", None) == "call"
        for name, text in report.user_properties
        if name == PROPERTY
    ]
    if lines:
        terminalreporter.section("divulge", sep="=")
        for line in lines:
            terminalreporter.line(line)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "audit"
