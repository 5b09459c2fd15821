"""What divulge's own objects may be able to do is declared in core.capability, and asked for nowhere by a bare name."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import divulge
from divulge.core.capability.declared import names_of

SOURCE = Path(divulge.__file__).parent
HOME = SOURCE / "core" / "capability"
ELSEWHERE = [path for path in sorted(SOURCE.rglob("*.py")) if HOME not in path.parents]

FOREIGN = {
    "steps": "of a pipeline of scikit-learn",
    "estimator": "of a search of scikit-learn",
    "parameters": "of a module of PyTorch",
}
"""Names that other libraries use too, and of what."""

ASKED_OF_THEM = {
    "steps": {"model", "step", "estimator", "part", "estimator_of(recipe)"},
    "estimator": {"inner", "plain"},
    "parameters": {"module_of(target)", "module_of(copy)"},
}
"""What is theirs, as it is called where it is asked."""


def declared():
    """Every capability, by its name."""
    found = {}
    for path in HOME.glob("*.py"):
        module = import_module(f"divulge.core.capability.{path.stem}")
        classes = inspect.getmembers(module, inspect.isclass)
        found |= {name: kind for name, kind in classes if kind.__module__ == module.__name__}
    return found


def probes(path):
    """Calls of hasattr and getattr with a name that is written out: (of what, which, line)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) < 2:
            continue
        name = node.args[1]
        if node.func.id in ("hasattr", "getattr") and isinstance(name, ast.Constant):
            yield ast.unparse(node.args[0]), name.value, node.lineno


def test_no_capability_is_asked_for_by_a_bare_name():
    names = frozenset().union(*(names_of(kind) for kind in declared().values()))
    assert {"cacheable", "meet", "distil", "behind", "poison"} <= names
    bare = [
        f"{path.relative_to(SOURCE)}:{line} asks {thing} for {name!r}"
        for path in ELSEWHERE
        for thing, name, line in probes(path)
        if name in names and thing not in ASKED_OF_THEM.get(name, ())
    ]
    assert bare == []


def test_names_that_others_use_too_are_still_asked_of_them():
    asked = {(name, thing) for path in ELSEWHERE for thing, name, _ in probes(path)}
    assert set(FOREIGN) == set(ASKED_OF_THEM)
    assert {(name, thing) for name, things in ASKED_OF_THEM.items() for thing in things} <= asked


@pytest.mark.parametrize("name", declared())
def test_each_capability_says_what_it_is_and_is_asked_for(name):
    kind = declared()[name]
    assert kind.__doc__ and names_of(kind), name
    users = [
        path for path in SOURCE.rglob("*.py") if f"able({name}" in (text := path.read_text()) or f", {name})" in text
    ]
    inherited = [other for other in declared().values() if kind in other.__mro__[1:]]
    assert users or inherited, f"nothing asks for {name}"
