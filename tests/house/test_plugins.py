"""What packages of others rely on: stable names that load little, a page that runs, a table that is counted."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests import forked
from tests.house.pages import ROOT, blocks

from divulge import plugin, testing

HEAVY = ("torch", "sklearn", "scipy", "joblib", "pandas", "pyarrow", "pydantic", "jinja2", "sqlalchemy", "yaml", "rich")
WANTED = {
    *("Card", "Needs", "Access", "Knowledge", "Family", "Challenge", "ChallengeSpec", "Target", "Recipe", "Records"),
    *("Metric", "register_metric", "Evidence", "Section", "TargetKind", "DataKind", "DefenseCard", "InputError"),
    *("MembershipView", "MembershipGuess", "AttributeView", "AttributeGuess", "PropertyView", "PropertyGuess"),
    *("ExtractionView", "ExtractionGuess", "Scored", "Paired", "Counted", "Exact"),
}


def loaded(code):
    """Which heavy libraries a fresh Python has loaded afterwards."""
    shown = f"; import sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + shown], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_names_are_complete_and_there():
    assert sorted(plugin._HOME) == sorted(plugin.__all__) and set(plugin.__all__) >= WANTED
    for name in plugin.__all__:
        assert getattr(plugin, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        plugin.Nothing


def test_what_a_type_checker_sees_is_what_there_is():
    import ast

    tree = ast.parse((ROOT / "src" / "divulge" / "plugin.py").read_text())
    (seen,) = (node for node in tree.body if isinstance(node, ast.If))
    places = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in seen.body
        for alias in node.names  # type: ignore[attr-defined]
    }
    told = {}
    for name, home in plugin._HOME.items():
        module, _, there = home.partition(":")
        told[name] = f"divulge.{module}:{there or name}"
    assert places == told


def test_they_load_little():
    names = "Card, Needs, MembershipView, AttributeView, PropertyView, ExtractionView, Metric, Paired, DefenseCard, "
    assert (
        loaded(f"from divulge.plugin import {names} TargetKind, DataKind, FunctionTarget, Section, InputError") == "[]"
    )
    assert loaded("import divulge.testing") == "[]"


def test_the_examples_of_the_page_run():
    examples = blocks((ROOT / "docs" / "plugins.md").read_text(), "python")
    assert len(examples) == 6
    done = forked.run(["-c", "\n".join(examples)])
    assert done.returncode == 0, done.stderr


def test_the_page_names_the_groups_and_the_checks_that_there_are():
    from divulge.setup.extensions import GROUPS

    page = (ROOT / "docs" / "plugins.md").read_text()
    assert [group for group in GROUPS if f"`{group}`" not in page] == []
    checks = [name for name in vars(testing) if name.startswith("check_")]
    assert len(checks) == 8 and [name for name in checks if name not in page] == []


def test_the_table_of_files_is_what_the_command_counts():
    command = [sys.executable, str(ROOT / "benchmarks" / "touched.py"), "--quick"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed in (ROOT / "docs" / "design.md").read_text()


@pytest.mark.parametrize(
    ("group", "most"),
    [("attacks", 1), ("targets", 1), ("data_kinds", 3), ("challenges", 4), ("report_sections", 1), ("defenses", 1)],
)
def test_an_extension_takes_few_files(group, most, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import touched

    assert 1 <= len(touched.files_of(f"divulge.{group}")) <= most
    assert set(touched.BEFORE) < set(touched.entry_points())
