"""Whoever only looks something up does not wait for libraries that train and test models."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

import divulge
from divulge.catalog.defenses import DEFENSES, defense, defense_card

MODELS = ("torch", "sklearn", "scipy", "joblib", "onnxruntime", "threadpoolctl")
TABLES = ("pandas", "pyarrow")
FILES = ("pydantic", "sqlalchemy", "jinja2", "yaml")
"""What reads and writes the files of a run."""

COMMAND = "sys.argv = ['divulge', *sys.argv[1:]]; from divulge.cli.app import main; main()"


def loaded(code, *typed):
    """Which of the heavy libraries a fresh Python has loaded when it ends."""
    heavy = (*MODELS, *TABLES, *FILES, "rich")
    lists = f"import atexit, sys; atexit.register(lambda: print([m for m in {heavy} if m in sys.modules]));"
    done = subprocess.run([sys.executable, "-c", lists + code, *typed], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_the_front_door_opens_without_a_heavy_library():
    assert loaded("import divulge; divulge.audit, divulge.MembershipView, divulge.assert_no_leak") == set()


def test_cards_are_plain_data():
    code = "from divulge.catalog.attacks import cards; from divulge.catalog.search import implementing; "
    assert loaded(code + "cards(), implementing()") == set()


@pytest.mark.parametrize(
    "typed", [["--version"], ["--help"], ["attacks"], ["attacks", "--json"], ["papers"], ["cache"]]
)
def test_looking_something_up_loads_no_more_than_the_terminal(typed):
    assert loaded(COMMAND, *typed) == {"rich"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    rng = np.random.default_rng(0)
    keep = rng.random((1, 100)) < 0.5
    table = divulge.ScoreTable(None, rng.normal(size=(1, 100)) + 3 * keep, keep, np.zeros(100, dtype=np.int64))
    return str(divulge.audit(table, out=tmp_path_factory.mktemp("run") / "run", progress=None).folder)


def test_a_finished_run_is_judged_and_shown_without_the_libraries_of_models(finished):
    assert loaded(COMMAND, "gate", finished).isdisjoint({*MODELS, *TABLES, "sqlalchemy", "jinja2"})
    assert loaded(COMMAND, "report", finished, "-o", "-").isdisjoint({*MODELS, "sqlalchemy"})


@pytest.mark.parametrize("name", [name for name in DEFENSES if defense_card(name).extra])
def test_a_defense_says_which_extra_it_lacks(name, monkeypatch):
    monkeypatch.setattr("divulge.catalog.defenses.find_spec", lambda library: None)
    with pytest.raises(divulge.InputError, match=r'pip install "divulge\[torch\]"'):
        defense(name)


def test_a_defense_that_uses_torch_says_so():
    for name, place in DEFENSES.items():
        text = inspect.getsource(import_module(place.partition(":")[0]))
        own = r"from divulge\.defenses\.[a-z.]*(steps|altered_loss|teaching)"
        uses = re.search(rf"^ *(import torch|from torch|{own})", text, re.MULTILINE)
        assert (defense_card(name).extra == "torch") == (uses is not None), name
