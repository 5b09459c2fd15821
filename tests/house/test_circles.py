"""No module imports, at whatever depth and however late, one that imports it."""

from __future__ import annotations

import ast
from pathlib import Path

import divulge

SOURCE = Path(divulge.__file__).parent


def name_of(path):
    return ".".join(("divulge", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {name_of(path): path for path in SOURCE.rglob("*.py")}


def for_types_only(tree):
    """Nodes that a type checker alone reads."""
    guards = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    return {id(node) for guard in guards for part in guard.body for node in ast.walk(part)}


def imported(text):
    """Modules of divulge that a source file imports when it runs, inside of functions too."""
    tree = ast.parse(text)
    unread = for_types_only(tree)
    found = set()
    for node in ast.walk(tree):
        if id(node) in unread:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(MODULES)


def circles(arrows):
    """Modules that reach themselves."""
    reached = {name: set(targets) for name, targets in arrows.items()}
    for middle, further in reached.items():
        for targets in reached.values():
            if middle in targets:
                targets.update(further)
    return sorted(name for name, targets in reached.items() if name in targets)


def test_no_module_reaches_itself():
    assert circles({name: imported(path.read_text()) - {name} for name, path in MODULES.items()}) == []


def test_a_late_circle_is_seen_and_one_for_types_is_none():
    late = "def f():\n    from divulge.core.threat import Access\n"
    assert imported(late) == {"divulge.core.threat"}
    assert imported("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import divulge.core.threat\n") == set()
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
