"""What the source imports must be declared: what is only there because another package needs it may go with it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]

SPOKEN = {"markupsafe": "jinja2", "pydantic_core": "pydantic"}
"""Packages in whose classes the public interface of a declared one speaks, which therefore cannot do without them."""

OF_THE_USER = {"catboost", "lightgbm", "pytest", "xgboost"}
"""Asked for by name only where a user's own object comes from there, or where it is the user's tool."""


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    return {plain(re.split(r"[\[<>=!~;, ]", line)[0]) for line in project["dependencies"] + extras}


def imported() -> dict[str, set[str]]:
    """Top-level packages and the modules that import them, at the top or late."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                found.setdefault(name.partition(".")[0], set()).add(str(path.relative_to(ROOT)))
    return {name: places for name, places in found.items() if name not in sys.stdlib_module_names | {"divulge"}}


def test_every_import_is_declared() -> None:
    of, known = packages_distributions(), declared()
    undeclared = {
        name: sorted(places)[:3]
        for name, places in imported().items()
        if name not in OF_THE_USER and not {plain(each) for each in of.get(SPOKEN.get(name, name), [name])} & known
    }
    assert not undeclared
