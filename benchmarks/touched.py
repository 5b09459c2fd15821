"""How many files does it take to add something to divulge?  Prints the table of docs/design.md.

Before: as the audit of the house counted them, going by the commits that had added one.  After: counted in the package
that tests/auditing/test_plugin.py installs and audits with, from the module that an entry point names through all that
it imports of its package.
"""

from __future__ import annotations

import argparse
import ast
import tomllib
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "tests" / "plugin"

BEFORE = {
    "divulge.attacks": ("an attack", "2"),
    "divulge.targets": ("a target kind", "8"),
    "divulge.data_kinds": ("a data kind", "about 20"),
    "divulge.challenges": ("a challenge with its game, metric and first attack", "10"),
    "divulge.report_sections": ("a section of the report", "15"),
    "divulge.defenses": ("a defence", "2"),
}
"""By group of entry points: what it is, and files touched to add one when there was no entry point for it, or, of an
attack, when it was added to divulge itself."""


def entry_points() -> dict[str, dict[str, str]]:
    """Group to name to `package.module:object`."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups: dict[str, dict[str, str]] = project["entry-points"]
    return groups


def reached(module: str) -> set[str]:
    """A module of the package and all modules of the package that it imports, directly or not."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = PACKAGE / f"{name.replace('.', '/')}.py"
        if name in found or not path.is_file():
            continue
        found.add(name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
    return found


def files_of(group: str) -> set[str]:
    """The fewest modules that one extension of a group takes; of a challenge, with the attacks that play it."""
    points = entry_points()
    modules = [place.partition(":")[0] for place in points[group].values()]
    fewest = min((reached(module) for module in modules), key=len)
    if group == "divulge.challenges":
        playing = [reached(place.partition(":")[0]) for place in points["divulge.attacks"].values()]
        fewest = fewest.union(*(found for found in playing if modules[0] in found))
    return fewest


def table() -> str:
    """As Markdown."""
    lines = ["| to add | files touched before | files of a package now | files of divulge |", "|---|---|---|---|"]
    for group, (what, before) in BEFORE.items():
        found = files_of(group)
        names = ", ".join(f"`{name.rpartition('.')[2]}.py`" for name in sorted(found))
        lines.append(f"| {what} | {before} | {len(found)}: {names} | 0 |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: it counts, and takes no time")
    parser.parse_args()
    print(table())
