"""The handshake: models whose fault, or soundness, is known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from typer.testing import CliRunner

import divulge
from divulge.auditing.doubts.other_forms import FIRST
from divulge.auditing.handshake import shake
from divulge.auditing.oracle import Memory
from divulge.auditing.probes import as_owner_asks
from divulge.cli.app import app
from divulge.core.errors import TargetError
from divulge.core.progress import Quiet
from divulge.core.records import Column, Records, Schema
from divulge.core.results.finding import Verdict
from divulge.core.results.handshake import Concern, Handshake
from divulge.core.threat import PRESETS, Access, Task
from divulge.defenses.interface.gaussian_noise import GaussianNoise
from divulge.runs.gate import judge
from divulge.setup.assemble import attacks_for, job_from_records
from divulge.setup.settings import Options
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.records_from import records_from
from divulge.setup.sources.targets_from import target_from
from divulge.stats.handshake import (
    answered_worse,
    area_of,
    distance,
    exchanged,
    falls_short,
    gini,
    kappa,
    line,
    permutation,
    r_squared,
    second_softmax,
    sign_test,
)
from divulge.targets.estimators.sklearn_frames import Presenter
from divulge.targets.wrappers.averaged import Averaged

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def planted():
    """The benchmark's cases: quick ones of every kind, and sound ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        from handshakes import faulty, sound

        yield faulty, {case.__name__: case for case in sound.SOUND}
        for name in [n for n in sys.modules if n.partition(".")[0] == "handshakes"]:
            del sys.modules[name]


def job_of(model, inside, outside, recipe=None, threat="mlaas", **changes):
    target = target_from(model)
    job = job_from_records(
        target,
        records_from(target, inside, outside),
        Options(threat=threat, duplicates="keep"),
        recipe=recipe_for(recipe, model, target),
    )
    for name, value in changes.items():
        object.__setattr__(job, name, value)
    return job


FAULTS = {
    "reversed_columns": ("labels", True),
    "swapped_labels_only": ("labels", True),
    "two_of_ten_swapped": ("labels", True),
    "rare_class_swapped": ("labels", True),
    "columns_of_trees": ("chance", True),
    "two_softmaxes": ("softmax", False),
    "line_not_standardized": ("form", True),
    "strings_for_ordinals": ("chance", True),
    "words_counted_by_another_list": ("other", True),
    "sets_swapped": ("swapped", False),
    "scaled_by_the_batch": ("company", True),
    "another_column_predicted": ("form", True),
    "target_negated": ("scale", True),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named(planted, name):
    found = getattr(planted[0], name)().handshake().concerns
    assert [(c.kind, c.fault) for c in found] == [FAULTS[name]]


@pytest.mark.parametrize(
    "name",
    [
        "line",
        "forest on noise",
        "line on a checkerboard",
        "strongly regularised",
        "always the commonest",
        "rare class, weighted far",
        "ten classes, a stump",
        "five classes, some rare",
        "ridge, shrunken",
        "the mean",
        "an upper quantile",
        "noisy weights",
        "very noisy weights",
        "trained_on_more_records",
        "labels of a tree",
        "twenty records",
    ],
)
def test_nothing_is_said_of_a_sound_model(planted, name):
    assert planted[1][name]().handshake().concerns == ()


def test_the_benchmark_has_forty_of_each(planted):
    faults = [case.__name__ for cases in planted[0].FAULTS.values() for case in cases]
    assert len(faults) == len(set(faults)) == 40 and len(planted[1]) == 40


def test_the_figures_are_those_computed_by_hand(halves):
    x, y, u, v = halves
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(x, y)
    met = shake(job_of(model, (x, y), (u, v), "auto"))
    assert met.members == model.score(x, y) and met.nonmembers == model.score(u, v)
    assert met.chance == max(np.mean(y == 0), np.mean(y == 1)) and met.asked == (200, 200)
    assert met.sentence == (
        f"accuracy on members {model.score(x, y):.2f}, on non-members {model.score(u, v):.2f}, of 200 records each; "
        f"chance {met.chance:.2f}"
    )
    line = LinearRegression().fit(x, x[:, 0] + y)
    met = shake(job_of(line, (x, x[:, 0] + y), (u, u[:, 0] + v), "auto"))
    assert (met.measure, met.chance) == ("R2", 0.0)
    assert met.members == pytest.approx(line.score(x, x[:, 0] + y)) and not met.concerns
    assert met.quality[0] == pytest.approx(np.abs(line.predict(x) - x[:, 0] - y).mean())


def test_a_fault_makes_everything_invalid_and_stands_first(tmp_path, halves):
    x, y, u, v = halves
    forest = RandomForestClassifier(30, random_state=0).fit(x, y)

    def backwards(batch):
        return forest.predict_proba(batch)[:, ::-1]

    run = divulge.audit(backwards, (x, y), (u, v), recipe=None, attacks=["loss", "lira"], out=tmp_path / "r")
    assert run.verdict is Verdict.INVALID and run.handshake.members == 0
    assert run.findings and {f.verdict for f in run.findings} == {Verdict.INVALID}
    assert all("output 0 stood for 1" in f.reason for f in run.findings)
    judged = judge(tmp_path / "r")
    assert judged.exit_code == 3 and judged.verdict is Verdict.INVALID
    assert any("output 0 stood for 1" in reason for reason in judged.incomplete)
    markdown = run.report(tmp_path / "r.md").read_text()
    assert (
        markdown.index("Accuracy: 0 % on training records") < markdown.index("audit is invalid") < markdown.index("##")
    )
    assert "accuracy on members 0.00" in markdown and "output 0 stood for 1" in markdown
    page = run.report(tmp_path / "r.html").read_text()
    assert page.index("Accuracy: 0 % on training records") < page.index('class="verdict')
    assert "accuracy on members 0.00" in page and "output 0 stood for 1" in page
    decision = run.report(tmp_path / "d.md", page="decision").read_text()
    assert "accuracy on members 0.00" in decision and "not from the same distribution" not in decision
    assert '"measure": "accuracy"' in run.report(tmp_path / "r.json").read_text()
    assert divulge.Run.open(tmp_path / "r").handshake == run.handshake


def test_a_model_that_answers_nothing_stops_the_audit_with_its_error_and_a_cure(tmp_path, halves):
    x, y, u, v = halves

    def broken(batch):
        raise ValueError("X has 3 features, but the model expects 30 features")

    with pytest.raises(divulge.InputError, match=r"expects 30 features.*form of its training"):
        divulge.audit(broken, (x, y), (u, v), recipe=None, attacks=["loss"], out=tmp_path / "a")
    with pytest.raises(divulge.InputError, match=r"NaN or infinity.*another scale"):
        divulge.audit(lambda b: np.full((len(b), 2), np.nan), (x, y), (u, v), attacks=["loss"], out=tmp_path / "b")
    assert not (tmp_path / "a").exists() and not (tmp_path / "b").exists()


def test_a_model_that_answers_some_records_only_is_audited_with_a_warning(tmp_path, halves):
    x, y, u, v = halves

    def picky(batch):
        if (batch == x.max()).any():
            raise RuntimeError("out of memory")
        return np.full((len(batch), 2), 0.5)

    run = divulge.audit(picky, (x, y), (u, v), recipe=None, attacks=["loss"], out=tmp_path / "r")
    assert run.handshake.members is None and [c.kind for c in run.handshake.concerns] == ["answers"]
    assert "out of memory" in run.handshake.warnings[0]


def test_what_is_expected_is_compared(tmp_path, halves):
    x, y, u, v = halves
    model = DecisionTreeClassifier(random_state=0).fit(x, y)

    def audit(expect, name):
        return divulge.audit(model, (x, y), (u, v), attacks=["loss"], expect=expect, out=tmp_path / name)

    right = model.score(u, v)
    assert audit({"accuracy": 1.0, "accuracy_nonmembers": right}, "a").handshake.nonmembers == right
    with pytest.raises(divulge.InputError, match=r"accuracy is 0\.7, and on 200 members it is 1"):
        audit({"accuracy": 0.7}, "b")
    with pytest.raises(divulge.InputError, match="'precision' is unknown: choose from accuracy"):
        audit({"precision": 0.7}, "c")
    with pytest.raises(divulge.InputError, match="r2 cannot be checked: of this target the accuracy"):
        audit({"r2": 0.7}, "d")
    assert not (tmp_path / "b").exists()


def test_an_audit_file_says_what_is_expected_and_the_dry_run_prints_it_first(tmp_path, halves, monkeypatch):
    import joblib

    x, y, u, v = halves
    joblib.dump(LogisticRegression(max_iter=5000).fit(x, y), tmp_path / "m.joblib")
    np.savez(tmp_path / "in.npz", x=x, y=y)
    np.savez(tmp_path / "out.npz", x=u, y=v)
    text = (
        "target: {kind: sklearn, path: m.joblib, trust: true}\nattacks: [loss]\n"
        "data: {members: in.npz, nonmembers: out.npz, expect: {accuracy: WANTED}}\n"
    )
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(text.replace("WANTED", "0.96"))
    told = CliRunner().invoke(app, ["audit", "a.yaml", "--dry-run"])
    assert told.exit_code == 0 and told.output.startswith("Accuracy on members 0.9"), told.output
    told = CliRunner().invoke(app, ["audit", "a.yaml"])
    assert told.output.index("Accuracy on members 0.9") < told.output.index("Loss threshold")
    Path("a.yaml").write_text(text.replace("WANTED", "0.5"))
    told = CliRunner().invoke(app, ["audit", "a.yaml"])
    assert told.exit_code == 2 and "accuracy is 0.5" in " ".join(told.output.split())


class Noisy:
    """A target whose probabilities move by up to `by`, anew at each asking."""

    name, task, offers = "noisy", Task.CLASSIFICATION, frozenset({Access.SCORES, Access.TOPK, Access.LABEL})

    def __init__(self, model, by):
        self.model, self.by, self.rng = model, by, np.random.default_rng(0)

    def answer(self, access, records):
        p = np.clip(self.model.predict_proba(records.x)[:, 1] + self.rng.uniform(-self.by, self.by, len(records)), 0, 1)
        scores = np.log(np.clip(np.column_stack([1 - p, p]), 1e-30, 1))
        return scores.argmax(axis=1) if access is Access.LABEL else scores

    def fingerprint(self):
        return f"noisy {self.by}"


def test_random_answers_are_noticed_and_averaged_when_that_is_asked_for(tmp_path, halves, careful_model):
    x, y, u, v = halves
    (found,) = shake(job_of(Noisy(careful_model, 0.2), (x, y), (u, v))).concerns
    assert (found.kind, found.fault) == ("random", True) and "of probability apart" in found.seen
    assert shake(job_of(Noisy(careful_model, 1e-7), (x, y), (u, v))).concerns == ()
    run = divulge.audit(
        Noisy(careful_model, 0.2), (x, y), (u, v), recipe=None, attacks=["loss"], average=50, out=tmp_path / "r"
    )
    assert run.handshake.faults == () and "each the mean of 50" in run.handshake.warnings[0]
    assert run.verdict is not Verdict.INVALID


def test_noise_that_a_defence_adds_on_purpose_is_no_fault(tmp_path, halves, careful_model):
    x, y, u, v = halves
    run = divulge.audit(
        careful_model, (x, y), (u, v), attacks=["loss"], defenses=[GaussianNoise(0.2)], out=tmp_path / "r"
    )
    assert run.handshake.concerns == () and run.handshake.measure == "accuracy"


def test_an_average_is_the_mean_of_probabilities_and_the_commonest_label():
    class Dice:
        name, task, offers, meaning = "dice", Task.CLASSIFICATION, frozenset({Access.SCORES}), 7

        def __init__(self):
            self.turn = 0

        def answer(self, access, records):
            self.turn += 1
            p = [0.2, 0.8, 0.8][self.turn % 3]
            if access is Access.LABEL:
                return np.full(len(records), int(p > 0.5))
            return np.log(np.full((len(records), 2), [1 - p, p]))

        def fingerprint(self):
            return "dice"

    records = Records(np.zeros((4, 1)), np.zeros(4, dtype=np.int64), Schema((Column("a"),), classes=(0, 1)))
    target = Averaged(Dice(), 3)
    assert np.exp(target.answer(Access.SCORES, records)) == pytest.approx(np.full((4, 2), [0.4, 0.6]))
    assert target.answer(Access.LABEL, records).tolist() == [1, 1, 1, 1]
    assert target.meaning == 7 and target.fingerprint() != Averaged(Dice(), 2).fingerprint()
    with pytest.raises(divulge.InputError, match="at least 2"):
        Averaged(Dice(), 0)


def test_what_was_answered_is_not_asked_again(tmp_path, halves, careful_model):
    x, y, u, v = halves
    asked = []

    def count(batch):
        asked.append(len(batch))
        return careful_model.predict_proba(batch)

    run = divulge.audit(count, (x, y), (u, v), recipe=None, attacks=["loss", "entropy"], out=tmp_path / "r")
    few = [n for n in asked if n == FIRST]  # records in another form
    assert (
        sum(n for n in asked if n > 10) - sum(few) == 400 and len(few) <= 5 and sum(n for n in asked if n <= 10) <= 31
    )
    assert {f.queries for f in run.findings} == {400}, "an adversary pays for what the referee knows already"


class Service(Noisy):
    """A service, which a query budget holds for."""

    name, asked = "service", 0

    def meet(self, records):
        return "scores"

    def answer(self, access, records):
        self.asked += len(records)
        return super().answer(access, records)


def test_a_service_is_asked_within_the_budget_of_the_adversary(halves, careful_model):
    x, y, u, v = halves
    service = Service(careful_model, 0.0)
    job = job_of(service, (x, y), (u, v), threat="mlaas")
    object.__setattr__(job, "threat", PRESETS["mlaas"].with_budget(60))
    met = shake(job)
    assert service.asked == sum(met.asked) == 60 and min(met.asked) > 15 and met.measure == "accuracy"
    assert shake(job, dry=True).members is None and service.asked == 60
    with pytest.raises(divulge.InputError, match="a service is asked about each record once"):
        Averaged(service, 3)


def test_a_resumed_run_is_not_asked_again(tmp_path, halves, careful_model):
    from divulge.workflows.run_audit import run_audit

    x, y, u, v = halves
    service = Service(careful_model, 0.0)
    job = job_of(service, (x, y), (u, v))
    object.__setattr__(job, "attacks", attacks_for(["loss"], service))
    run_audit(job, tmp_path / "r")
    before = service.asked
    run_audit(job, tmp_path / "r", resume=True)
    assert service.asked == before == 400


def test_an_estimator_answers_the_owners_rows_as_it_answers_the_audits(monkeypatch, halves):
    x, y, u, v = halves
    job = job_of(DecisionTreeClassifier(max_depth=3).fit(x, y), (x, y), (u, v))
    assert as_owner_asks(job, np.arange(6)) == []
    whole = Presenter.rows
    monkeypatch.setattr(Presenter, "rows", lambda self, records: -5 * whole(self, records))
    (concern,) = as_owner_asks(job, np.arange(40))
    assert concern.fault and "otherwise" in concern.seen


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10_000))
def test_a_permutation_is_recovered_and_none_is_seen_where_there_is_none(classes, seed):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(classes), 60)
    said = np.where(rng.random(len(y)) < 0.2, rng.integers(0, classes, len(y)), y)
    assert permutation(said, y, classes) is None
    order = rng.permutation(classes)
    found = permutation(order[said], y, classes)
    if (order == np.arange(classes)).all():
        assert found is None
    else:
        assert found.means == tuple(np.argsort(order)) and found.right == pytest.approx(np.mean(said == y))


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 6), st.integers(20, 300), st.integers(0, 10_000))
def test_answers_at_random_are_never_taken_for_permuted_ones(classes, records, seed):
    rng = np.random.default_rng(seed)
    y, said = rng.integers(0, classes, records), rng.integers(0, classes, records)
    assert permutation(said, y, classes) is None
    assert permutation(np.zeros(records, dtype=int), y, classes) is None, "nor one answer for all"
    scores = np.log(rng.dirichlet(np.ones(2), records))
    assert exchanged(scores, rng.integers(0, 2, records)) is None


def test_two_classes_are_judged_by_their_ranking():
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.05).astype(int)
    p = np.clip(0.05 + 0.2 * y + 0.03 * rng.normal(size=2000), 0.01, 0.45)
    rows = np.log(np.column_stack([1 - p, p]))
    assert exchanged(rows, y) is None, "always the commonest, and ranked well"
    found = exchanged(rows[:, ::-1], y)
    assert found.means == (1, 0) and found.right == pytest.approx(1 - y.mean())
    always = np.log(np.column_stack([0.3 * (1 - p), 1 - 0.3 * (1 - p)]))
    assert np.mean(always.argmax(1) == y) < 0.1 and exchanged(always, y) is None, "set to a low threshold"


def test_softmax_of_probabilities_is_recognized():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, 400)
    logits = rng.normal(size=(400, 5)) + 6 * np.eye(5)[y]
    once = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    again = np.exp(once) / np.exp(once).sum(axis=1, keepdims=True)
    right = float(np.mean(once.argmax(axis=1) == y))
    assert second_softmax(np.log(again), right) and not second_softmax(np.log(once), right)
    modest = 0.1 * logits
    modest = np.exp(modest) / np.exp(modest).sum(axis=1, keepdims=True)
    assert not second_softmax(np.log(modest), right), "modest by training"
    assert not second_softmax(np.log(again), 0.3), "modest and often wrong"


def test_figures_of_answers_by_hand():
    y = np.array([0, 0, 1, 1, 1])
    assert area_of(np.array([0.1, 0.4, 0.4, 0.8, 0.9]), y == 1) == pytest.approx(5.5 / 6)
    assert kappa(np.array([0, 0, 1, 1, 1]), y, 2) == 1 and kappa(np.zeros(5), y, 2) == 0
    assert gini(np.column_stack([-y, y]).astype(float), y) == 1
    assert sign_test(5, 0) == pytest.approx(1 / 32) and sign_test(0, 0) == 1
    assert r_squared(np.array([1.0, 2.0]), np.array([1.0, 3.0])) == pytest.approx(0.5)
    assert line(np.array([1.0, 2.0, 3.0]), np.array([5.0, 3.0, 1.0])) == pytest.approx((7, -2, 1))
    worse = answered_worse(np.arange(50) + 40.0, np.arange(50) * 1.0)
    assert worse < 1e-9 and answered_worse(np.arange(50.0), np.arange(50.0)) > 0.4
    assert answered_worse(np.ones(3), np.zeros(3)) == 1, "too few"
    rows = np.log(np.array([[0.5, 0.5], [0.9, 0.1]]))
    other = np.log(np.array([[0.5, 0.5], [0.6, 0.4]]))
    assert distance(rows, other, 0.0) == pytest.approx([0, np.log(0.4001 / 0.1001)])
    assert distance(np.array([1, 2]), np.array([1, 3]), 0.0).tolist() == [0, 1]
    assert distance(np.array([1.0]), np.array([4.0]), 2.0).tolist() == [1.5]
    assert falls_short(0.5, [0.9, 0.9, 0.9]) and not falls_short(0.5, [0.9, 0.6, 0.3])
    assert not falls_short(0.9, [0.9]) and not falls_short(0.9, [])


def test_a_sentence_for_every_handshake():
    assert Handshake().sentence == "how well the model answers is not known"
    assert Handshake(unchecked=("it is mute",)).sentence.endswith("not known: it is mute")
    assert Handshake("R2", 0.5, None, (10, 0), 0.0).sentence == (
        "R2 on members 0.50, on non-members not known, of 10 and 0 records; chance 0.00"
    )
    concern = Concern("labels", True, "this was seen", "that", "do so")
    assert Handshake(concerns=(concern,)).faults == ("this was seen; likely cause: that; do so",)


def test_a_model_whose_scores_cannot_be_read_is_known_by_its_labels(halves, careful_model):
    x, y, u, v = halves

    class LabelsOnly(Noisy):
        def answer(self, access, records):
            if access is not Access.LABEL:
                raise TargetError("no scores today")
            return super().answer(Access.SCORES, records).argmax(axis=1)

    met = shake(job_of(LabelsOnly(careful_model, 0.0), (x, y), (u, v)), Memory())
    assert met.members == careful_model.score(x, y) and met.concerns == ()


class Writer(Noisy):
    """A language model of 50 tokens: its loss by record is the first column."""

    vocabulary = 50

    def loss_per_token(self, records):
        return np.asarray(records.x[:, 0])


def test_a_language_model_is_known_by_its_loss_per_token(careful_model):
    rng = np.random.default_rng(0)
    low, high = rng.uniform(1, 2, (100, 30)), rng.uniform(3, 3.5, (100, 30))
    y = rng.integers(0, 2, 100)

    def met(inside, outside, **how):
        return shake(job_of(Writer(careful_model, 0.0), (inside, y), (outside, y), **how))

    found = met(low, high, expect={"loss_per_token": low[:, 0].mean()})
    assert found.measure == "loss per token" and found.members == pytest.approx(low[:, 0].mean())
    assert found.nonmembers == pytest.approx(high[:, 0].mean()) and found.chance == pytest.approx(np.log(50))
    assert found.concerns == ()
    assert [c.kind for c in met(high, low).concerns] == ["swapped"]
    assert [(c.kind, c.fault) for c in met(high + 1, high + 1).concerns] == [("chance", True)]
    with pytest.raises(divulge.InputError, match="loss_per_token is 1"):
        met(low, high, expect={"loss_per_token": 1.0})


def test_a_model_that_says_itself_that_it_knows_nothing_is_doubted_and_not_accused():
    """A line cannot tell the corners of a square: honest about it, unlike a model that is asked something else."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int)
    model = LogisticRegression().fit(x[:300], y[:300])
    met = shake(job_of(model, (x[:300], y[:300]), (x[300:], y[300:])))
    assert not met.faults and "no better than by chance" in met.warnings[0]
    forest = RandomForestClassifier(30, random_state=0).fit(x[:300], y[:300])

    def astray(q):
        return forest.predict_proba(q + np.array([5, 0]))

    assert shake(job_of(astray, (x[:300], y[:300]), (x[300:], y[300:]))).faults


def constant_models():
    """A function that gives one answer, in every form, with the task's records."""
    x = np.random.default_rng(5).normal(size=(300, 3))
    y = (x[:, 0] > 0).astype(int)
    values = 3 + 2 * x[:, 0]
    yield "values", divulge.FunctionTarget(lambda q: np.full(len(q), values[:150].mean()), "values"), x, values
    yield "far values", divulge.FunctionTarget(lambda q: np.full(len(q), -40.0), "values"), x, values
    yield "scores", divulge.FunctionTarget(lambda q: np.tile([0.02, 0.98], (len(q), 1))), x, y
    yield "labels", divulge.FunctionTarget(lambda q: np.ones(len(q), dtype=int), "labels"), x, y


@pytest.mark.parametrize("case", list(constant_models()), ids=lambda case: case[0])
def test_one_answer_to_everything_is_no_proof_of_anything_and_no_all_clear(case, tmp_path):
    """There is nothing to see in it, whether the model is like that or asked in the wrong form."""
    _, model, x, y = case
    attack = "absolute_error" if y.dtype.kind == "f" else "correctness"
    given = {"members": (x[:150], y[:150]), "nonmembers": (x[150:], y[150:]), "attacks": [attack], "progress": Quiet()}
    run = divulge.audit(model, **given, out=tmp_path / "a")
    assert run.handshake.constant and not run.handshake.faults and "the same answer" in run.handshake.sentence
    assert run.verdict is Verdict.NOT_MEASURABLE and "nothing to see" in run.findings[0].reason
    expect = {"r2": run.handshake.members} if y.dtype.kind == "f" else {"accuracy": float(np.mean(y[:150] == 1))}
    assert (
        divulge.audit(model, **given, expect=expect, out=tmp_path / "b").verdict is Verdict.NOT_FOUND
    )  # its owner knows it as such


def test_a_constant_estimator_is_known_by_its_likes():
    x = np.random.default_rng(5).normal(size=(300, 3))
    model = DummyRegressor().fit(x[:150], x[:150, 0])
    met = shake(job_of(model, (x[:150], x[:150, 0]), (x[150:], x[150:, 0]), "auto", threat="mlaas"))
    assert met.constant and met.concerns == ()


def test_a_poor_regressor_is_no_proof_and_no_all_clear_and_garbage_is_a_fault():
    """A line through a parabola explains nothing; values from elsewhere are farther off than the mean is."""
    rng = np.random.default_rng(6)
    x = rng.uniform(-1, 1, size=(600, 2))
    y = x[:, 0] ** 2
    line = LinearRegression().fit(x[:300], y[:300])
    sides = (x[:300], y[:300]), (x[300:], y[300:])
    (found,) = shake(job_of(divulge.FunctionTarget(line.predict, "values"), *sides)).concerns
    assert (found.kind, found.fault, found.doubt) == ("chance", False, True)
    tree = DecisionTreeRegressor(random_state=0).fit(x[:300], y[:300])
    garbage = divulge.FunctionTarget(lambda q: tree.predict(q[:, ::-1]), "values")
    assert shake(job_of(garbage, *sides)).faults


def test_values_that_are_only_moved_are_doubted_and_values_in_other_units_are_a_fault():
    """A model of the upper quantile is far from the truth, by hand, on a line of slope 1."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(400, 2))
    y = x[:, 0] + rng.normal(size=400)
    sides = (x[:200], y[:200]), (x[200:], y[200:])
    for function, grade in ((lambda q: q[:, 0] + 3, (False, True)), (lambda q: 60 + 10 * q[:, 0], (True, False))):
        (found,) = shake(job_of(divulge.FunctionTarget(function, "values"), *sides)).concerns
        assert found.kind == "scale" and (found.fault, found.doubt) == grade


def test_labels_alone_that_are_right_no_oftener_than_chance_are_doubted():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(600, 2))
    y = (x[:, 0] > 0).astype(int)
    noise = divulge.FunctionTarget(lambda q: (np.sin(1e4 * q[:, 1]) > 0).astype(int), "labels")
    met = shake(job_of(noise, (x[:300], y[:300]), (x[300:], y[300:])))
    assert not met.faults and met.doubts
