"""What a terminal of eighty columns shows: no line is longer, and no word is broken."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.cli import app, screen
from divulge.cli.screen import folded, table
from divulge.core.progress import Quiet
from divulge.runs.compare import told_apart

WIDTH = 80
AUDIT = """
target: {kind: sklearn, path: model.joblib, trust: true}
data: {members: members.csv, nonmembers: nonmembers.csv, target: outcome}
attacks: [loss, correctness, lira]
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of models that are called alike."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 3))
    y = (x[:, 0] + rng.normal(size=240) > 0).astype(int)
    for depth in (1, 9):
        model = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=depth, random_state=0))
        model.fit(x[:120], y[:120])
        sides = {"members": (x[:120], y[:120]), "nonmembers": (x[120:], y[120:])}
        attacks = ["loss", "correctness", "entropy", "absolute_error"]
        divulge.audit(model, **sides, attacks=attacks, out=folder / f"depth-{depth}", progress=Quiet())
    return sorted(folder.iterdir())


def shown(arguments, capsys, width):
    """What a command prints at this width, and how it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["divulge", *map(str, arguments)])
        patch.setenv("COLUMNS", str(width))
        for console in (screen.out, screen.err):
            patch.setattr(console, "_width", width)
        with pytest.raises(SystemExit) as ended:
            app.main()
    said = capsys.readouterr()
    return said.out + said.err, ended.value.code


def test_models_that_are_called_alike_are_told_apart_by_their_runs(runs, capsys):
    """A pipeline is called by what answers in it, and two of a name by the folders of their runs."""
    said, _ = shown(["compare", runs[0], runs[1]], capsys, 400)
    assert "DecisionTreeClassifier (depth-9) against DecisionTreeClassifier (depth-1)" in said
    assert told_apart(["a", "b"], [Path("x"), Path("y")]) == ["a", "b"]
    assert told_apart(["a", "a"], [Path("p/x"), Path("q/x")]) == ["a (p/x)", "a (q/x)"]


def words(text):
    return {word.rstrip(":") for word in text.split()}


COMMANDS = {
    "attacks": ["attacks"],
    "attacks of another adversary": ["attacks", "--threat", "published-model"],
    "papers": ["papers"],
    "papers that are implemented": ["papers", "--implemented"],
    "policies": ["gate", "--policies"],
    "cache": ["cache"],
    "gate": ["gate", 1],
    "gate against another": ["gate", 1, "--before", 0],
    "compare": ["compare", 0, 1],
    "compare attacks": ["compare", 1],
    "compare over time": ["compare", 0, 1, "--over-time"],
    "no such attack": ["attacks", "--threat", "nobody"],
    "no such run": ["gate", "no-such-run-is-here-nor-anywhere-else-as-far-as-anybody-knows"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_wider_than_the_screen_and_no_word_is_broken(runs, capsys, name):
    arguments = [runs[part] if isinstance(part, int) else part for part in COMMANDS[name]]
    narrow, code = shown(arguments, capsys, WIDTH)
    wide, other = shown(arguments, capsys, 400)
    assert code == other and narrow.strip()
    too_long = [line for line in narrow.splitlines() if len(line) > WIDTH and len(line.split()) > 2]
    assert not too_long
    assert words(narrow) - words(wide) == set()


VERBS = [command.name or command.callback.__name__ for command in app.app.registered_commands]
CLAIMS = [f"claim {command.name or command.callback.__name__}" for command in app.claim.registered_commands]


@pytest.mark.parametrize("verb", ["", "claim", *VERBS, *CLAIMS])
def test_help_fits(capsys, verb):
    narrow, _ = shown([*verb.split(), "--help"], capsys, WIDTH)
    assert narrow.strip() and max(map(len, narrow.splitlines())) <= WIDTH


def test_an_audit_fits_from_its_first_line_to_its_last(tmp_path, capsys, monkeypatch):
    import joblib
    import pandas as pd

    rng = np.random.default_rng(0)
    x = pd.DataFrame(rng.normal(size=(160, 3)), columns=["weight", "height", "age"])
    y = np.where(x["age"] + rng.normal(size=160) > 0, "ill", "well")
    monkeypatch.chdir(tmp_path)
    joblib.dump(DecisionTreeClassifier(random_state=0).fit(x[:80], y[:80]), "model.joblib")
    x.assign(outcome=y)[:80].to_csv("members.csv", index=False)
    x.assign(outcome=y)[80:].to_csv("nonmembers.csv", index=False)
    (tmp_path / "audit.yaml").write_text(AUDIT)
    said, code = shown(["audit", "audit.yaml", "--out", "runs"], capsys, WIDTH)
    assert code in (0, 1, 3) and "Report:" in said
    assert not [line for line in said.splitlines() if len(line) > WIDTH and len(line.split()) > 2]


def test_lines_hang_below_their_words():
    assert folded("  ! one two three", 11) == "  ! one two\n    three"
    assert folded("a-very-long/path is whole", 6) == "a-very-long/path\nis\nwhole"
    assert folded("as many as 30 % of them", 13) == "as many as\n30 % of them"
    assert folded("short\n\n  too", 40) == "short\n\n  too"
    assert folded("name   what it is", 12, hanging=7) == "name   what\n       it is"


def printed(grid, width):
    console = Console(width=width, file=io.StringIO())
    console.print(grid)
    return console.file.getvalue().splitlines()


def test_a_table_that_is_too_wide_is_shown_row_below_row():
    grid = table("name", "what", "how much")
    grid.add_row(Text("first"), "long-winded words", "12")
    grid.add_row("second", "", "3")
    wide = [line.rstrip() for line in printed(grid, 40)]
    assert wide == [
        "name    what               how much",
        "first   long-winded words  12",
        "second                     3",
    ]
    folded_once = [line.rstrip() for line in printed(grid, 29)]
    assert folded_once[1:3] == ["first   long-winded  12", "        words"]
    assert [line.rstrip() for line in printed(grid, 18)] == [
        "name: first", "  what:", "    long-winded", "    words", "  how much: 12", "name: second", "  how much: 3",
    ]  # fmt: skip
