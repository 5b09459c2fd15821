"""A whole audit within a time limit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import divulge
from divulge.auditing import budget as budgets
from divulge.auditing.budget import AGAIN, Budget
from divulge.auditing.challenge import control_models
from divulge.auditing.job import BoundRecipe
from divulge.auditing.plan import Planned
from divulge.catalog.attacks import attack
from divulge.core.results.finding import Outcome, Played, Refused
from divulge.core.threat import Family
from divulge.data.arrays import from_arrays, from_frames
from divulge.setup.scope import ALL_FAMILIES, FAMILIES, scope_of, usual_properties
from divulge.training.recipes.sklearn import SklearnRecipe


@dataclass
class Clock:
    """Seconds that pass only when an attack is played."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(budgets, "time", SimpleNamespace(perf_counter=made))
    return made


def job():
    """10,000 records of a model that answers and trains in no time."""
    return SimpleNamespace(
        candidates=np.zeros(10_000),
        member=np.arange(10_000) < 5_000,
        recipe=None,
        population=None,
        target=SimpleNamespace(offers=(), answer=None),
        seed=0,
        properties=SimpleNamespace(victims=2, shadows=2, properties=("p",), size=None),
        reconstruction=SimpleNamespace(plan=SimpleNamespace(trials=3)),
    )


class Fixed(Budget):
    """Costs that are given."""

    costs: dict[str, float]

    def _try_out(self, waiting):
        pass

    def _expected(self, step):
        return self.costs[step.card.name]


def laid(minutes, costs, lacks=()):
    planned = [Planned(attack(name), ("no",) if name in lacks else ()) for name in costs]
    made = Fixed(job(), planned, minutes)
    made.costs = costs
    return made


def played(made, clock, times=None):
    """The order, when every attack takes what was expected, or what `times` says."""
    order = []
    for step in made.order():
        name = step.card.name
        order.append(name)
        seconds = (times or {}).get(name, made.costs[name])
        clock.now += seconds
        result = Refused("no") if step.lacks else Played(())
        made.spent(step, Outcome(name, name, step.card.family.value, "", "", result, seconds=seconds))
    return order


def test_without_a_limit_the_plan_is_played_in_its_order(clock):
    made = laid(None, {"loss": 5, "knockoff": 1, "lira": 9})
    assert played(made, clock) == ["loss", "knockoff", "lira"] and made.left_out == []


def test_what_tells_most_a_second_comes_first_and_the_second_on_one_secret_is_worth_half(clock):
    # a second: learned_ratio 1/10 = 0.1, loss 0.7/2 = 0.35, lira 0.9/4 = 0.225, knockoff 0.9/5 = 0.18
    made = laid(10, {"learned_ratio": 10, "lira": 4, "loss": 2, "knockoff": 5})
    # after loss, lira is worth 0.1125 and learned_ratio 0.05: knockoff goes before both
    assert played(made, clock) == ["loss", "knockoff", "lira", "learned_ratio"]
    assert AGAIN == 0.5


def test_room_is_kept_for_one_attack_of_every_family(clock):
    """60 s, of which 51 are for attacks: ten cheap attacks on membership would leave none for the dear copy."""
    cheap = ["loss", "confidence", "entropy", "gap", "correctness", "modified_entropy", "attack_p", "lira", "rmia"]
    made = laid(1, {**dict.fromkeys(cheap, 5), "knockoff": 30})
    order = played(made, clock)
    assert "knockoff" in order and len(order) == 5  # 4 x 5 s + 30 s
    assert {left.attack for left in made.left_out} == set(cheap) - set(order)
    assert all("left for attacks" in left.reason and left.game == "membership" for left in made.left_out)


def test_every_family_gets_its_first_attack_before_any_gets_its_second(clock):
    """Though six more looks at membership are worth more a second than any look at the others; the quickest first."""
    cheap = ["loss", "confidence", "entropy", "gap", "correctness", "modified_entropy"]
    costs = {**dict.fromkeys(cheap, 1), "knockoff": 25, "property_queries": 30, "dlg": 20}
    assert played(laid(10, costs), clock)[:4] == ["loss", "dlg", "knockoff", "property_queries"]
    # the first took all but 16 s: of the others, the one that still fits is played
    clock.now = 0.0
    made = laid(1, {"loss": 5, "knockoff": 25, "dlg": 10})
    assert played(made, clock, {"loss": 35}) == ["loss", "dlg"]


def test_what_was_over_before_counts(clock):
    """Of 60 s, 51 are for attacks, and 48 went by while the target was trained."""
    made = laid(1, {"loss": 5, "gap": 2})
    made.passed = 48.0
    assert played(made, clock) == ["gap"] and made.remaining == 60 - 48 - 2
    made.model = 1.0
    assert made.fits(16) and not made.fits(17)  # 0.6 s each, of 10 s


def test_the_controls_of_a_network_cost_what_their_epochs_do():
    from torch import nn

    from divulge.training.recipes.pytorch import TorchRecipe

    network = TorchRecipe(lambda: nn.Linear(2, 2), epochs=20)
    assert control_models(SimpleNamespace(recipe=BoundRecipe(network, None))) == 1 + 3
    assert control_models(SimpleNamespace(recipe=BoundRecipe(SklearnRecipe(DecisionTreeClassifier()), None))) == 2
    assert control_models(SimpleNamespace(recipe=None)) == 2


def test_a_family_that_does_not_fit_at_all_keeps_nobody_out(clock):
    made = laid(1, {"loss": 5, "gap": 5, "knockoff": 3000})
    assert played(made, clock) == ["loss", "gap"]
    assert [left.attack for left in made.left_out] == ["knockoff"]
    assert "50 min" in made.left_out[0].reason


def test_estimates_follow_what_attacks_took(clock):
    """The first takes ten times as long as expected: the others of its family are expected to, too."""
    made = laid(10, {"loss": 20, "gap": 30, "confidence": 40})
    gap = made.planned[1]
    assert made.seconds(gap) == 30
    order = played(made, clock, {"loss": 200})
    assert order[0] == "loss"
    assert made.seconds(gap) > 60


def test_attacks_that_cannot_run_cost_nothing_and_are_always_said(clock):
    made = laid(0.01, {"loss": 5, "lira": 9}, lacks=("lira",))
    assert played(made, clock) == ["lira"] and [left.attack for left in made.left_out] == ["loss"]


def test_a_training_that_is_repeated_costs_as_many_trainings():
    """0.6 x (50 trainings of its own, and 3 released models for the attack and as many for its control) x 2 s."""
    steps = [Planned(attack("repeated_training", trainings=number), ()) for number in (0, 50)]
    made = Budget(job(), steps, 10)
    made.model = 2.0
    without, whole = (made._expected(step) for step in steps)
    assert whole - without == pytest.approx(0.6 * 50 * 2)
    assert without == pytest.approx(steps[0].card.seconds + 0.6 * 6 * 2)


def test_scope():
    assert scope_of(None, None, None).families == FAMILIES and not scope_of(None, None, None).whole
    assert scope_of(None, None, 5).families == ALL_FAMILIES == tuple(f.value for f in Family)
    assert not scope_of(["loss"], None, 5).whole and scope_of(None, ["property"], 5).families == ("property",)
    with pytest.raises(divulge.InputError, match="above 0"):
        scope_of(None, None, 0)


def test_usual_properties_ask_about_what_is_sensitive_or_else_about_the_classes():
    import pandas as pd

    frame = pd.DataFrame({"age": [1.5, 2.5, 3.5] * 4, "sex": ["f", "f", "m"] * 4, "y": ["a", "b", "b"] * 4})
    (records,) = from_frames([frame], target="y", sensitive=["sex", "age"])
    assert usual_properties(records) == ("mean(age)", "share(sex == 'f')")
    (plain,) = from_frames([frame], target="y")
    assert usual_properties(plain) == ("share(y == 'b')",)
    (keyword,) = from_frames([frame.rename(columns={"y": "class"})], target="class")
    assert usual_properties(keyword) == ()  # no expression can speak of a column with that name
    (arrays,) = from_arrays([(np.zeros((6, 2)), np.array([0, 1, 1, 1, 0, 1]))])
    assert usual_properties(arrays)[0].startswith("share(")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 4))
    y = (x[:, 0] + 0.8 * rng.normal(size=1500) > 0).astype(int)
    model = DecisionTreeClassifier(min_samples_leaf=2, random_state=0).fit(x[:400], y[:400])
    return model, {"members": (x[:400], y[:400]), "nonmembers": (x[400:800], y[400:800])}, (x[800:], y[800:])


def test_an_audit_with_minutes_tries_every_family(data, tmp_path):
    model, sets, population = data
    run = divulge.audit(
        model, **sets, population=population, minutes=3, threat="published-model", shadows=4, out=tmp_path / "r"
    )
    games = {o.game for o in run.outcomes if isinstance(o.result, Played)}
    assert games == {f.value for f in Family}
    assert run.result.complete and run.verdict is divulge.Verdict.LEAK
    told = [f for f in run.findings if f.game == "property"]
    assert told and all("share(" in f.about for f in told)


def test_what_had_no_time_is_said_and_played_when_resumed(data, tmp_path):
    """A run of no time, resumed with more, ends in the findings of one without a limit."""
    from divulge.report.formats import html, markdown, sarif
    from divulge.runs.result import open_run
    from divulge.setup.assemble import job_from_records
    from divulge.setup.settings import Options
    from divulge.setup.sources.recipes_from import recipe_for
    from divulge.setup.sources.records_from import records_from
    from divulge.setup.sources.targets_from import target_from
    from divulge.workflows.run_audit import run_audit

    model, sets, population = data
    target = target_from(model)
    whole = job_from_records(
        target,
        records_from(target, sets["members"], sets["nonmembers"], population),
        Options(attacks=["loss", "gap", "knockoff"], name="in a hurry"),
        recipe=recipe_for("auto", model, target),
    )
    run_audit(whole, tmp_path / "hurry", minutes=1e-6)
    hurried = open_run(tmp_path / "hurry")
    assert hurried.findings == () and {left.attack for left in hurried.left_out} == {"loss", "gap", "knockoff"}
    assert hurried.complete and hurried.verdict is divulge.Verdict.NOT_EXAMINED
    for text in (html.render(hurried), markdown.render(hurried), sarif.render(hurried)):
        assert "Knock-off from natural data" in text and "left" in text
    run_audit(whole, tmp_path / "hurry", resume=True, minutes=5)
    run_audit(whole, tmp_path / "calm")
    later, calm = open_run(tmp_path / "hurry"), open_run(tmp_path / "calm")
    assert later.left_out == () == calm.left_out

    def plain(findings):
        return [replace(f, seconds=0.0) for f in findings]

    assert plain(later.findings) == plain(calm.findings) and later.findings


def test_what_there_is_no_time_to_explain_is_noted_and_looked_into_when_the_run_goes_on(data, tmp_path, monkeypatch):
    from divulge.runs.result import open_run
    from divulge.setup.assemble import job_from_records
    from divulge.setup.settings import Options
    from divulge.setup.sources.recipes_from import recipe_for
    from divulge.setup.sources.records_from import records_from
    from divulge.setup.sources.targets_from import target_from
    from divulge.workflows.run_audit import run_audit

    model, sets, population = data
    target = target_from(model)
    records = records_from(target, sets["members"], sets["nonmembers"], population)
    job = job_from_records(target, records, Options(attacks=["loss"]), recipe=recipe_for("auto", model, target))
    note = "there was no time left to train models otherwise, and see what that changes"
    with monkeypatch.context() as patch:
        patch.setattr(Budget, "fits", lambda self, models: False)
        run_audit(job, tmp_path / "r", minutes=5)
    hurried = open_run(tmp_path / "r")
    assert hurried.what_if == () and note in hurried.training
    run_audit(job, tmp_path / "r", resume=True, minutes=5)
    later = open_run(tmp_path / "r")
    assert later.what_if
    assert note not in later.training
