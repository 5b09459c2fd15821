"""What is left of the other families' leaks when one thing is changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.core.results.audit_result import Mitigation
from divulge.core.results.finding import Reading, Verdict
from divulge.explain.mitigations import NO_TIME, _price
from divulge.games.properties import PropertyPlan
from divulge.report.causes import changes, helpful

LABELS, COARSE = "labels instead of scores", "scores to one decimal"


def twins(count, seed, told=True):
    """Records in pairs that differ in the secret alone, and so in the class: which of the two has which is drawn by lot
    pair by pair, so that only a model that learned the pair knows.  Where nothing is to be told both have the same.
    """
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(np.repeat(rng.normal(size=(count // 2, 3)), 2, axis=0), columns=["a", "b", "c"])
    secret = np.tile([0, 1], count // 2)
    by_lot = np.repeat(rng.integers(0, 2, count // 2), 2)
    y = secret ^ by_lot if told else by_lot
    return frame.assign(secret=secret), y


def attributes(tmp_path, told, attack="csmia", seed=0):
    (x, y), (u, v), (p, q) = (twins(400, k, told) for k in range(3))
    model = DecisionTreeClassifier(random_state=0).fit(x, y)
    sets = (x, y), (u, v), (p, q)
    how = {"threat": "acquaintance", "attacks": [attack], "sensitive": ["secret"], "seed": seed}
    return divulge.audit(model, *sets, **how, out=tmp_path / "r")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return attributes(tmp_path_factory.mktemp("told"), True)


def rows_of(run):
    return {row.knob: row for row in run.result.mitigations}


def test_a_column_that_is_left_out_is_told_no_better_than_by_lot(told):
    """Derivable: one value of the secret gives the right class, so that it is told of every member; in a model without
    the column both give the same.
    """
    row = rows_of(told)["secret left out of the training"]
    assert row.before.value == 1.0 and row.before.low > 0.98
    assert row.after.low < 0.5 < row.after.high and abs(row.after.value - row.chance_after) < 0.08
    assert row.share > 0.8
    assert row.price.startswith("accuracy on unseen records ")


def test_labels_alone_are_said_to_be_too_little_for_an_attack_on_scores(told):
    row = rows_of(told)[LABELS]
    assert row.after is None and "needs scores" in row.reason


def test_an_attack_on_labels_is_what_it_was_behind_labels(tmp_path):
    rows = rows_of(attributes(tmp_path, True, "lomia"))
    assert rows[LABELS].before == rows[LABELS].after and rows[LABELS].before.value == 1.0


def test_what_cannot_help_does_not(told):
    """A tree that is sure of everything says the same to one decimal."""
    row = rows_of(told)[COARSE]
    assert row.before == row.after and row.share == 0.0 and row.price == "the model stays as it is"


def test_the_page_says_what_helps_and_at_what_price(told, tmp_path):
    best = helpful(told.result, divulge.Family.RECONSTRUCTION, least=0.5)[0]
    assert best.in_full.startswith(
        "secret left out of the training: attribute inferred correctly, secret 100 % (99 % to 100 %) before"
    )
    page = told.report(tmp_path / "report.html").read_text()
    assert "What is left when one thing is changed?" in page and "secret left out of the training" in page
    decision = told.report(tmp_path / "d.md", page="decision").read_text()
    assert "ecret left out of the training: attribute inferred correctly" in decision
    assert "secret left out of the training" in told.report(tmp_path / "r.md").read_text()


def test_where_nothing_leaks_nothing_is_changed(tmp_path):
    run = attributes(tmp_path, False)
    assert run.verdict is not Verdict.LEAK and run.result.mitigations == ()
    assert not (run.folder / "turned.json").exists()


def test_leaving_a_column_out_does_not_hide_what_the_classes_tell(tmp_path):
    """Four of five records of the one kind are of the second class, one of five of the other: a model that goes by the
    classes' shares alone, being held back, tells the kind's share with the column as without it.
    """
    sets = []
    for k in range(3):
        rng = np.random.default_rng(k)
        kind = rng.integers(0, 2, 1200)
        frame = pd.DataFrame({"a": rng.normal(size=1200), "kind": kind})
        sets.append((frame, np.where(rng.random(1200) < 0.2, 1 - kind, kind)))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-4)).fit(*sets[0])
    plan = PropertyPlan(("share(kind == 1)",), victims=24, shadows=32)
    run = divulge.audit(model, *sets, attacks=["property_chosen"], properties=plan, out=tmp_path / "r")
    row = rows_of(run)["kind left out of the training"]
    assert row.before.value > 0.9 and row.after.value > 0.9


def stolen(tmp_path, *attacks):
    """The classes are chance, so that public records tell nothing of the model."""
    rng = np.random.default_rng(0)
    sets = [(rng.normal(size=(count, 6)), rng.integers(0, 2, count)) for count in (300, 600, 3000)]
    model = LogisticRegression().fit(*sets[0])
    return divulge.audit(model, *sets, attacks=list(attacks), threat="mlaas", out=tmp_path / "r")


def test_a_copy_from_fewer_queries(tmp_path):
    rows = rows_of(stolen(tmp_path, "knockoff"))
    (fewer,) = (row for knob, row in rows.items() if "instead of" in knob and "quer" in knob)
    assert fewer.knob.startswith("300 queries instead of 3,000")
    assert fewer.before.value >= fewer.after.value - 0.01 and fewer.after.value > 0.8, (
        "scores of a linear model say all"
    )
    assert rows[LABELS].after.value > 0.8, "labels are enough for a linear model"


def test_equations_are_not_solved_with_rounded_scores(tmp_path):
    """Exact scores give the weights; to one decimal they give others, which explain no further answers."""
    row = rows_of(stolen(tmp_path, "equation_solving"))[COARSE]
    assert row.after is None and "no planes explain" in row.reason


def test_an_interface_is_no_cure_where_another_attack_copies_the_model_behind_it(monkeypatch):
    """Equations break on rounded scores; a student that learns from the answers does not."""
    from types import SimpleNamespace as Some

    from divulge.attacks.extraction.equation_solving import EquationSolving
    from divulge.attacks.extraction.knockoff import Knockoff
    from divulge.core.errors import Impossible
    from divulge.defenses.interface.rounding import Rounding
    from divulge.explain.mitigations import Turning

    equations, student = EquationSolving(), Knockoff()
    reached = {"equation_solving": 0.375, "knockoff": 0.96}

    def again(self, attack, behind):
        if reached[attack.card.name] is None:
            raise Impossible(f"{attack.card.name} needs scores")
        return (Some(metric="fidelity", about="", value=reached[attack.card.name]),)

    monkeypatch.setattr(Turning, "_again", again)
    turning, rounded = Turning(Some(attacks=(equations, student)), None), (Rounding(decimals=1),)

    def left(*behind):
        return turning._behind(equations, behind)[0][0].value

    assert left(*rounded) == 0.96 and left() == 0.375, "with fewer queries it is this attack that is asked about"
    reached["equation_solving"] = None
    assert left(*rounded) == 0.96
    reached["knockoff"] = None
    with pytest.raises(Impossible, match="equation_solving"):
        left(*rounded)


def test_time_that_is_up_is_said(tmp_path, monkeypatch):
    from divulge.auditing.budget import Budget

    monkeypatch.setattr(Budget, "remaining", property(lambda self: -1.0))
    run = attributes(tmp_path, True, seed=1)
    assert {row.reason for row in run.result.mitigations} == {NO_TIME}
    assert [change.price for change in changes(run.result)] == [f"not measured: {NO_TIME}"] * len(
        run.result.mitigations
    )


def test_a_run_without_time_left_is_not_remembered_and_a_whole_one_is(tmp_path, told):
    again = attributes(tmp_path, True)
    assert again.result.mitigations == told.result.mitigations
    assert all(row.reason != NO_TIME for row in again.result.mitigations)


def test_a_property_of_several_columns_and_a_model_that_can_be_downloaded(tmp_path):
    """What is shown is changed for whoever holds the file too: it is withheld."""
    sets = []
    for k, count in enumerate((600, 600, 2400)):
        rng = np.random.default_rng(k)
        kind, old = rng.integers(0, 2, count), rng.integers(0, 2, count)
        both = kind & old
        frame = pd.DataFrame({"a": rng.normal(size=count), "kind": kind, "old": old})
        sets.append((frame, np.where(rng.random(count) < 0.1, 1 - both, both)))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-4)).fit(*sets[0])
    plan = PropertyPlan(("share(kind == 1 and old == 1)",), victims=24, shadows=32)
    how = {"attacks": ["property_chosen"], "properties": plan, "threat": "published-model"}
    rows = rows_of(divulge.audit(model, *sets, **how, out=tmp_path / "r"))
    assert {"kind left out of the training", "old left out of the training"} < set(rows)
    assert f"{LABELS}, and the file withheld" in rows


def test_the_price_for_a_model_of_values_is_its_error():
    assert _price(1.0, 2.0, divulge.Task.REGRESSION) == "mean absolute error on unseen records 1 to 2"
    assert _price(0.9, 0.8, divulge.Task.CLASSIFICATION).startswith("accuracy on unseen records -10.0 points")


def test_share_that_goes_away():
    half = Mitigation("property", "p", "m", "", "k", 0.5, Reading(0.9, 0, 1), Reading(0.7, 0, 1), 0.5)
    assert half.share == pytest.approx(0.5)
    assert Mitigation("property", "p", "m", "", "k", 0.5).share == 0.0
    worse = Mitigation("property", "p", "m", "", "k", 0.5, Reading(0.8, 0, 1), Reading(0.9, 0, 1), 0.5)
    assert worse.share == 0.0
