"""Defences side by side: rows that can be derived, the worst case, sentences that follow, resuming, bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_digits
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

import divulge
from divulge.catalog.defenses import defense
from divulge.cli.app import app
from divulge.core.errors import InputError
from divulge.core.results.comparison import MetricChange
from divulge.core.results.finding import Reading
from divulge.core.results.guarantee import Guarantee
from divulge.core.results.matrix import Cell, Matrix, MatrixColumn, MatrixRow
from divulge.data.arrays import from_arrays
from divulge.report.matrix import advice, markdown, picture, render, shade
from divulge.setup.sources.sets import Sets
from divulge.workflows.defense_matrix import name_of, with_canaries

COLUMNS = (
    MatrixColumn("lira", "auc", "", "LiRA", "membership"),
    MatrixColumn("label_only_noise", "auc", "", "Robustness to noise", "membership"),
    MatrixColumn("knockoff", "fidelity", "", "Knock-off", "extraction"),
)


def cell(value, family="membership", width=0.04):
    reading = Reading(0.5 + value / 2, 0.5 + (value - width) / 2, 0.5 + (value + width) / 2)
    return Cell(
        reading, Reading(value, value - width, value + width), "leak" if value > width else "not found", family=family
    )


def row(name, quality, *values, defenses=("x",), **more):
    cells = tuple(cell(v, c.family) for v, c in zip(values, COLUMNS, strict=True))
    return MatrixRow(name, defenses, Reading(quality, quality - 0.01, quality + 0.01), 1.0, cells, **more)


MATRIX = Matrix(
    "digits",
    "accuracy",
    COLUMNS,
    (
        row("none", 0.95, 0.5, 0.2, 0.3, defenses=()),
        row("Hidden", 0.95, 0.0, 0.2, 0.3, interface=True),
        row("Soft", 0.93, 0.3, 0.15, 0.3),
        row("DP-SGD (epsilon 1)", 0.94, 0.01, 0.01, 0.3, private=True, epsilon=1.0),
    ),
)


def test_the_front_holds_what_no_other_row_beats():
    assert [r.name for r in MATRIX.of_data.front()] == ["DP-SGD (epsilon 1)", "Hidden"]
    for r in MATRIX.front():
        assert not any(
            o.quality.value >= r.quality.value
            and o.worst.value <= r.worst.value
            and o is not r
            and o.name != r.name
            and (o.quality.value > r.quality.value or o.worst.value < r.worst.value)
            for o in MATRIX.measured()
        )


def test_sentences_follow_from_the_figures():
    said = " ".join(advice(MATRIX))
    assert (
        "Without a defence accuracy is 0.950, and the worst leak of the training data 50 % of what is possible" in said
    )
    assert "Hidden hides the scores and nothing else" in said
    assert "Of 2 compositions without a guarantee, 1 is beaten" in said
    assert "No composition here stops every attack" in said
    assert "DP-SGD (epsilon 1) comes with a bound that holds for every attack on membership" in said
    assert said.endswith("not what every attack would.")


def test_a_bound_is_told_with_what_it_takes_and_never_where_a_part_undoes_it():
    bound = Guarantee(1.0, 1e-5, "adding or removing one record", "whoever trains the model", ("Six were tried.",))
    undone = row("DP-SGD + MemGuard (epsilon 1)", 0.9, 0.1, 0.1, 0.3, unbounded="MemGuard is fitted to answers")
    rows = (*MATRIX.rows[:3], replace(MATRIX.rows[3], guarantee=bound), undone)
    found = replace(MATRIX, rows=rows)
    said = " ".join(advice(found))
    assert "Only DP-SGD (epsilon 1) comes with a bound" in said
    assert (
        "at delta 1e-05, for adding or removing one record; trusted: whoever trains the model. Six were tried." in said
    )
    assert "ordinary generator with a known seed" in said
    assert "No bound for DP-SGD + MemGuard (epsilon 1): MemGuard is fitted to answers." in said
    assert "Of 3 compositions without a guarantee" in said
    assert "no bound: MemGuard is fitted to answers" in render(found)
    alone = " ".join(advice(replace(MATRIX, rows=(MATRIX.rows[0], undone))))
    assert "None of these compositions comes with a guarantee" in alone and "No bound for DP-SGD + MemGuard" in alone


def test_without_a_guarantee_or_a_leak_other_sentences_follow():
    rows = (row("none", 0.9, 0.5, 0.2, 0.3, defenses=()), row("Good", 0.9, 0.0, 0.0, 0.0))
    said = " ".join(advice(replace(MATRIX, rows=rows)))
    assert "Nothing of what was tried differs from chance with Good" in said
    assert "None of these compositions comes with a guarantee" in said
    assert advice(replace(MATRIX, rows=(MatrixRow("none", (), None, 0.0, (), failed="x"),))) == [
        "Nothing could be measured."
    ]


def against(low, high):
    """A difference to the row without a defence."""
    middle = (low + high) / 2
    return MetricChange(
        "lira", "LiRA", "auc", 0.75, 0.75 + middle, middle, low, high, 0.5, 0.5, 0.5, "paired", differs=True
    )


def with_change(row, low, high):
    return replace(row, cells=(replace(row.cells[0], change=against(low, high)), *row.cells[1:]))


def test_a_defence_helps_only_by_an_interval_of_the_difference():
    none, hidden, soft, private = MATRIX.rows
    rows = (none, with_change(hidden, -0.3, -0.2), with_change(soft, -0.2, 0.01), with_change(private, 0.01, 0.2))
    found = replace(MATRIX, rows=rows)
    said = " ".join(advice(found))
    assert "Shown to help against what leaks most without a defence: Hidden (-0.25, -0.30 to -0.20)." in said
    assert "Not shown to help: Soft (-0.10, -0.20 to +0.01)" in said and "make it worse: DP-SGD" in said
    assert "Hidden leaks least: 20 %" in said and "The least of all leaks" not in said
    page, text = render(found), markdown(found)
    for shown in (
        "-0.25, -0.30 to -0.20 ↓",
        "-0.10, -0.20 to +0.01 ≈",
        "+0.11, +0.01 to +0.20 ↑",
        "no difference shown",
    ):
        assert shown in page and shown in text
    assert "is shown to leak less of it" in " ".join(advice(MATRIX))  # nothing was compared


def test_the_page_shows_every_row_and_why_one_failed():
    failed = MatrixRow("PATE", ("pate",), None, 0.0, (), failed="too few records for 20 teachers")
    page = render(replace(MATRIX, rows=(*MATRIX.rows, failed)))
    assert (
        page.count('<th scope="row">') == 5
        and "too few records for 20 teachers" in page
        and "http" not in page.replace("http-equiv", "")
    )
    assert "| PATE | failed: too few records" in markdown(replace(MATRIX, rows=(*MATRIX.rows, failed)))
    alike = picture(replace(MATRIX, rows=(MATRIX.rows[0], replace(MATRIX.rows[0], name="again"))))
    first, second = alike["points"]
    assert second.x - first.x >= 20 and first.y == second.y, "points do not hide each other"
    assert len({label for _, label in alike["across"]}) == len(alike["across"])
    drawn = picture(MATRIX)
    assert [p.number for p in drawn["points"]] == [1, 2, 3, 4] and picture(replace(MATRIX, rows=MATRIX.rows[:1])) == {}
    assert shade(cell(0.0)) == 0 and shade(cell(1.0)) == 5 and shade(cell(0.1)) < shade(cell(0.5))


def test_names_tell_settings_that_are_not_the_usual_ones():
    assert name_of([]) == "none"
    assert name_of([defense("dropout")]) == "Dropout"
    assert name_of([defense("minimization", drop=["sex"])]) == "Data minimisation (drop sex)"
    assert name_of([defense("dp_sgd", epsilon=1.0), defense("label_only")]) == "DP-SGD (epsilon 1) + Labels only"


def test_canaries_have_wrong_labels_and_the_rest_is_as_it_was():
    x, y = load_digits(return_X_y=True)
    members, others = from_arrays([(x[:200], y[:200]), (x[200:400], y[200:400])])
    made = with_canaries(Sets(members, others, None), 0.1, 0)
    for before, after in ((members, made.members), (others, made.nonmembers)):
        assert (after.y[:20] != before.y[:20]).all() and (after.y[20:] == before.y[20:]).all()
    assert with_canaries(Sets(members, others, None), 0.0, 0).members is members


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A tree that knows its records by heart, and one that may not."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    folder = tmp_path_factory.mktemp("matrix")

    def compare(*defenses, **more):
        return divulge.compare_defenses(
            DecisionTreeClassifier(random_state=0).fit(x[:400], y[:400]),
            (x[:400], y[:400]),
            (x[400:800], y[400:800]),
            (x[800:1200], y[800:1200]),
            defenses=defenses,
            attacks=["lira", "correctness"],
            shadows=8,
            out=folder,
            **more,
        )

    return compare, folder


def test_a_tree_by_heart_and_behind_defences(compared):
    compare, folder = compared
    found = compare([], ["label_only"], [defense("k_anonymity", k=20)], ["temperature"])
    none, hidden, general, _ = found.rows
    assert [c.attack for c in found.columns] == ["lira", "lira", "correctness"]
    assert none.cells[0].leak.low > 0.1 and none.canaries.leak.low > 0.5
    assert hidden.cells[0].reading is None and "scores" in hidden.cells[0].why
    assert hidden.cells[2].reading == none.cells[2].reading and hidden.quality == none.quality
    assert general.cells[0].leak.value < none.cells[0].leak.value and general.quality.value < none.quality.value
    assert found.models_trained < found.models_apart and hidden.interface and not general.interface
    change, same = general.cells[0].change, hidden.cells[2].change
    assert change.method.endswith("paired") and change.matched == 800 and general.cells[0].helps and change.high < 0
    assert change.value == pytest.approx(general.cells[0].reading.value - none.cells[0].reading.value)
    assert same.value == 0 and same.low < 0 < same.high and not hidden.cells[2].helps
    assert general.canaries.helps and none.cells[0].change is None
    told = json.loads((folder / "matrix.json").read_text())
    assert told["rows"][2]["cells"][0]["change"]["high"] == change.high
    assert [r["name"] for r in told["rows"]] == ["none", "Labels only", "k-anonymity (k 20)", "Softmax temperature"]
    assert "Defences of DecisionTreeClassifier" in (folder / "matrix.html").read_text()


def test_what_is_there_is_not_done_again(compared):
    compare, folder = compared
    first = compare([], ["label_only"])
    stamps = {p: p.stat().st_mtime_ns for p in Path(folder).glob("*/outcomes/*")}
    again = compare([], ["label_only"])
    assert {p: p.stat().st_mtime_ns for p in Path(folder).glob("*/outcomes/*")} == stamps
    assert again.rows[0].cells == first.rows[0].cells and again.rows[0].seconds == first.rows[0].seconds


def test_what_cannot_be_compared_is_said_before_anything_is_trained(compared):
    compare, _ = compared
    for defenses, message in (
        ([], "nothing to compare"),
        ([[], []], "listed twice"),
        ([["rounding", "label_only"]], "hides the scores"),
        ([["relaxloss"]], "needs a recipe of a PyTorch network"),
    ):
        with pytest.raises(InputError, match=message):
            compare(*defenses)
    with pytest.raises(InputError, match="canaries"):
        compare([], canaries=0.7)
    found = compare([defense("pate", epsilon=1.0, teachers=300)])
    assert "too few for 300 teachers" in found.rows[0].failed


def test_the_command_prints_the_table_the_advice_and_the_place(tmp_path):
    x, y = load_digits(return_X_y=True)
    for name, part in (("members", slice(0, 150)), ("nonmembers", slice(150, 300)), ("population", slice(300, 450))):
        np.savez(tmp_path / f"{name}.npz", x=x[part], y=y[part])
    (tmp_path / "tree.py").write_text(
        "from sklearn.tree import DecisionTreeClassifier\n\n\ndef tree():\n    return DecisionTreeClassifier()\n"
    )
    import joblib

    joblib.dump(DecisionTreeClassifier().fit(x[:150], y[:150]), tmp_path / "model.joblib")
    audit = {
        "target": {"kind": "sklearn", "path": "model.joblib", "trust": True},
        "data": {name: f"{name}.npz" for name in ("members", "nonmembers", "population")},
        "attacks": ["correctness"],
        "compare": {"defenses": [[], ["label_only"]], "canaries": 0.2},
    }
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump(audit))
    call = ["compare", "--defenses", str(tmp_path / "audit.yaml"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert "Labels only" in done.stdout and "Without a defence accuracy is" in done.stdout
    assert (tmp_path / "out" / "matrix.html").is_file()
    told = json.loads(CliRunner().invoke(app, [*call, "--json"]).stdout)
    assert told["canaries"] == 30
    del audit["compare"]
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump(audit))
    wrong = CliRunner().invoke(app, call)
    assert wrong.exit_code == 2 and "compare.defenses" in wrong.output
    assert CliRunner().invoke(app, ["compare"]).exit_code == 2
