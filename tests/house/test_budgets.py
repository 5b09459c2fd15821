"""The house stays small: files and functions within their budgets, no room for leftovers, the face complete."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import divulge

SOURCE = Path(divulge.__file__).parent
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FILES = sorted([*SOURCE.rglob("*.py"), *BENCHMARKS.rglob("*.py")])
ROOMS = sorted({path.parent for path in SOURCE.rglob("*.py")})
MOST_IN_A_ROOM = 20

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "core_utils", "tools"}


def name_of(path):
    return str(path.relative_to(SOURCE if path.is_relative_to(SOURCE) else BENCHMARKS.parent))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_module_fits_on_a_few_screens(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert path.stem not in FORBIDDEN
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            said = node.body[0] if ast.get_docstring(node) else None
            docstring = 0 if said is None else (said.end_lineno or 0) - said.lineno + 1
            length = (node.end_lineno or 0) - node.lineno + 1 - docstring
            assert length <= 50, f"{node.name} has {length} lines"


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_a_room_is_taken_in_at_a_glance(room):
    held = [path for path in room.glob("*.py") if path.name != "__init__.py"]
    assert len(held) <= MOST_IN_A_ROOM


def test_the_face_is_complete_and_small():
    assert sorted(divulge.__all__) == sorted(divulge._HOME)
    assert len(divulge.__all__) <= 90
    for name in divulge.__all__:
        assert getattr(divulge, name).__doc__ or name == "PRESETS"


def test_importing_divulge_imports_nothing_heavy():
    code = (
        "import sys, divulge; print([m for m in ('torch', 'sklearn', 'pandas', 'scipy', 'numpy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_command_line_starts_without_the_heavy_libraries():
    code = (
        "import sys, divulge.cli.app; "
        "print([m for m in ('torch', 'sklearn', 'pandas', 'scipy', 'sqlalchemy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_every_attack_of_the_table_has_a_file_a_paper_and_its_own_name():
    from divulge.catalog.attacks import ATTACKS, attack_class
    from divulge.catalog.papers import PAPERS

    for name, place in ATTACKS.items():
        card = attack_class(name).card
        assert card.name == name and name.startswith(place.split(":")[0].rsplit(".", 1)[1])
        assert card.paper in PAPERS and card.summary and card.equations


BARE = """
import sys
from importlib.machinery import PathFinder

EXTRAS = {"torch", "safetensors", "onnxruntime", "ray", "httpx", "httpcore", "skimage", "opacus"}
EXTRAS |= {"dp_accounting", "flwr", "tenseal", "mpyc"}
found = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name.split(".")[0] in EXTRAS else found(name, *more)

from divulge.catalog.attacks import ATTACKS, cards
from divulge.cli.app import main

print(len(cards()) - len(ATTACKS), "torch" in sys.modules)
main()
"""


def test_the_demonstration_needs_no_extra(tmp_path):
    """As `make demo` is installed: whoever plans an audit reads all cards, of attacks that cannot run there too."""
    typed = "demo", "patients", "--minutes", "0.03", "--out", str(tmp_path)
    done = subprocess.run([sys.executable, "-c", BARE, *typed], capture_output=True, text=True)
    assert done.stdout.startswith("0 False"), done.stdout + done.stderr
    assert done.returncode in (0, 3) and done.stdout.count("Report: ") == 2  # 3: there may be no time for any attack
    assert "broke off" not in done.stdout


def test_a_missing_extra_names_the_pip_line(monkeypatch):
    real = divulge.import_module

    def without_torch(name):
        if name.endswith("pytorch"):
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name)

    monkeypatch.setattr(divulge, "import_module", without_torch)
    with pytest.raises(divulge.InputError, match=r'pip install "divulge\[torch\]"'):
        _ = divulge.TorchRecipe


def test_no_two_classes_share_a_name():
    homes: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(name_of(path))
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}
