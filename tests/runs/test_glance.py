"""What Python and a notebook show of a run, and what they are given to go on with."""

from __future__ import annotations

import io
import re
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.progress import Quiet
from divulge.core.results.finding import Verdict
from divulge.workflows import run_audit
from divulge.workflows.progress_bar import NotebookBar, TerminalBar, progress_of

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(300, 3)), columns=["age", "pulse", "weight"])
Y = pd.Series((X["age"] + RNG.normal(size=300) > 0).astype(int), name="ill")
MODEL = DecisionTreeClassifier(random_state=0).fit(X[:150], Y[:150])
SETS = {"members": (X[:150], Y[:150]), "nonmembers": (X[150:], Y[150:]), "recipe": None}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    names = ["loss", "correctness", "entropy", "lira"]
    out = tmp_path_factory.mktemp("glance") / "r"
    return divulge.audit(MODEL, **SETS, attacks=names, name="<b>ill</b>", out=out)


def test_a_run_is_a_short_table(run):
    shown = repr(run)
    assert len(shown.splitlines()) <= 12 and len(shown) < 1500
    assert shown.splitlines()[0].startswith(f"▲ {run.verdict.value}: ")
    assert "DecisionTreeClassifier, 150 members, 150 non-members, mlaas" in shown and str(run.folder) in shown
    assert "2 could not be run" in shown  # they learn from models, and there is no recipe
    loss = next(f for f in run.findings if f.attack == "loss" and f.verdict is Verdict.LEAK)
    assert loss is not None and "Loss threshold" in shown


def test_a_verdict_prints_its_word(run):
    assert str(run.verdict) == f"{run.verdict}" == run.verdict.value == "leak"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_notebook_shows_the_verdict_and_a_table_and_escapes_names(run):
    page = run._repr_html_()
    read = Tags()
    read.feed(page)
    assert read.open == [] and "table" in read.seen and read.seen.count("b") == 1
    assert "<b>ill</b>" in read.text and "leak" in read.text and "Loss threshold" in read.text


def test_the_roc_curve_is_that_of_the_scores(run):
    curve = run.roc("loss")
    assert list(curve.columns) == ["fpr", "tpr", "low", "high"]
    scores = run.scores("loss")
    inside, outside = (scores.loc[scores["member"] == side, "score"].to_numpy() for side in (True, False))
    area = (inside[:, None] > outside).mean() + (inside[:, None] == outside).mean() / 2
    found = next(f.value for f in run.findings if f.attack == "loss" and f.metric == "auc")
    assert found == pytest.approx(area)
    assert np.trapezoid(curve["tpr"], curve["fpr"]) == pytest.approx(area, abs=0.02)
    assert curve["fpr"].is_monotonic_increasing and curve["tpr"].is_monotonic_increasing
    assert ((curve["low"] <= curve["tpr"]) & (curve["tpr"] <= curve["high"])).all()
    with pytest.raises(divulge.InputError, match="there is no curve of attack 'lira' in this run; there are"):
        run.roc("lira")


def test_frames_of_runs_can_be_put_together(run):
    frame = run.to_frame()
    assert {"run", "target", "seed", "details", "verdict"} <= set(frame.columns) and len(frame) == len(run.findings)
    assert set(frame["run"]) == {"r"} and set(frame["target"]) == {"DecisionTreeClassifier"}
    assert len(pd.concat([frame, frame])) == 2 * len(frame)


def test_an_interrupted_audit_goes_on_in_its_folder(tmp_path, monkeypatch):
    played = run_audit._one

    def interrupted(run, tables, planned, blind):
        if planned.card.name == "entropy":
            raise KeyboardInterrupt
        return played(run, tables, planned, blind)

    monkeypatch.setattr(run_audit, "_one", interrupted)
    asked = SETS | {"attacks": ["loss", "entropy"]}
    with pytest.raises(KeyboardInterrupt) as stopped:
        divulge.audit(MODEL, **asked, out=tmp_path / "r")
    assert "resume=" in stopped.value.__notes__[0]
    monkeypatch.undo()
    with pytest.raises(divulge.InputError, match="exclude each other"):
        divulge.audit(MODEL, **asked, out=tmp_path / "r", resume=tmp_path / "r")
    whole = divulge.audit(MODEL, **asked, resume=tmp_path / "r")
    assert {o.attack for o in whole.outcomes} == {"loss", "entropy"} and whole.result.complete


def test_defences_in_the_form_of_an_audit_file(tmp_path):
    asked = SETS | {"attacks": ["loss"], "out": tmp_path / "r", "defenses": [{"rounding": {"decimals": 1}}]}
    assert "decimals=1" in divulge.audit(MODEL, **asked).result.facts.target.defenses[0]
    with pytest.raises(divulge.InputError, match="expected keys and values"):
        divulge.audit(MODEL, **asked | {"defenses": [{"rounding": 3}], "out": tmp_path / "s"})


FORMS = {
    "a frame and its target column": lambda x, y: (x.assign(ill=y), "ill"),
    "a frame of one column": lambda x, y: (x, y.to_frame()),
    "an array of one column": lambda x, y: (x, y.to_numpy()[:, None]),
    "a list": lambda x, y: (x, y.tolist()),
    "an index written as a column": lambda x, y: (x.assign(**{"Unnamed: 0": range(len(x))}), y),
}


@pytest.mark.parametrize("form", FORMS)
def test_records_in_the_forms_that_people_have(form, run, tmp_path):
    sets = {name: FORMS[form](*SETS[name]) for name in ("members", "nonmembers")}
    noticed = pytest.warns(
        divulge.core.errors.Notice, match="left out: 'Unnamed: 0' \\(the model was not fitted on it\\)"
    )
    with noticed if "index" in form else io.StringIO():
        found = divulge.audit(MODEL, **sets, recipe=None, attacks=["loss"], out=tmp_path / "r")
    wanted = {f.metric: f.value for f in run.findings if f.attack == "loss"}
    assert {f.metric: f.value for f in found.findings} == wanted


def test_a_column_that_is_needed_though_the_model_was_not_fitted_on_it_stays(tmp_path):
    sets = {name: (SETS[name][0].assign(sex=["f", "m"] * 75), SETS[name][1]) for name in ("members", "nonmembers")}
    asked = {"recipe": None, "attacks": ["loss"], "out": tmp_path / "r", "sensitive": ["sex"]}
    assert divulge.audit(MODEL, **sets, **asked).result.facts.data.sensitive == ("sex",)


def test_what_is_no_pair_and_a_target_column_that_is_not_there():
    with pytest.raises(divulge.InputError, match=r"members must be a pair \(x, y\), or a data frame and its target"):
        divulge.audit(MODEL, X, (X, Y))
    with pytest.raises(divulge.InputError, match="members: there is no column 'sick'"):
        divulge.audit(MODEL, (X, "sick"), (X, Y))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_where_somebody_looks(monkeypatch):
    assert isinstance(progress_of(None), Quiet)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(progress_of("auto"), Quiet)
    monkeypatch.setattr(sys, "stderr", Terminal())
    bar = progress_of("auto")
    assert isinstance(bar, TerminalBar)
    bar.plan(2)
    bar.step("[looking]")
    bar.close()
    assert "looking" in sys.stderr.getvalue()
    with pytest.raises(divulge.InputError, match="progress 'loud' is unknown"):
        progress_of("loud")


def test_a_bar_in_a_notebook_needs_no_widgets(monkeypatch):
    drawn = []

    class Handle:
        def update(self, content, raw):
            drawn.append(content["text/html"])

    def display(content, raw, display_id):
        drawn.append(content["text/html"])
        return Handle()

    shell = type("ZMQInteractiveShell", (), {})()
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    shown = types.ModuleType("IPython.display")
    shown.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    bar = progress_of("auto")
    assert isinstance(bar, NotebookBar)
    bar.plan(2)
    for name in ("guessing", "<i>loss</i>"):
        bar.step(name)
    bar.close()
    assert re.search(r'value="1" max="2".*1/2 &lt;i&gt;loss', drawn[-2]) and drawn[-1] == ""
