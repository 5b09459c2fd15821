"""Audits that copy the model: findings, report, chain, detectors, resume, refusals."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from tests.attacks.extraction_games import blobs, records, steal

import divulge
from divulge.attacks.extraction.copycat import Copycat
from divulge.attacks.extraction.equation_solving import EquationSolving
from divulge.attacks.extraction.knockoff import Knockoff, KnockoffRandom
from divulge.auditing.job import BoundRecipe
from divulge.core.errors import InputError
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Alarm
from divulge.core.results.finding import Verdict
from divulge.core.results.metric import (
    ARCHITECTURE_RECOVERED,
    FIDELITY,
    FIDELITY_BOUNDARY,
    FIDELITY_UNIFORM,
    PARAMETERS_RECOVERED,
)
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Counted, Exact
from divulge.core.threat import Family
from divulge.core.views.extraction import Claim, ExtractionGuess, Secrets
from divulge.defenses.interface.label_only import LabelOnly
from divulge.games.secrets import recoveries
from divulge.runs.compare import compare
from divulge.runs.files.evidence_files import StoredEvidence
from divulge.runs.gate import judge
from divulge.stats.counted import resolved
from divulge.stats.exact import guessing
from divulge.stats.weigh import weigh
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.training.recipes.pytorch import TorchRecipe
from divulge.training.surrogates import net_student
from divulge.workflows.run_audit import run_audit


@pytest.fixture(scope="module", autouse=True)
def quick_students():
    """How good a copy is belongs to tests/attacks: here students are taught a tenth of what they should be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net_student, "STEPS", (120, 120))
        yield


@pytest.fixture(scope="module")
def sets():
    x, y = load_digits(n_class=4, return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return [(x[part], y[part]) for part in np.array_split(order, 3)]


@pytest.fixture(scope="module")
def run(sets, tmp_path_factory):
    members, nonmembers, population = sets
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(*members)
    return divulge.audit(
        model,
        members,
        nonmembers,
        population,
        attacks=["loss", "equation_solving", Knockoff((50, 200)), Copycat((50, 200)), "tree_paths", "relu_network"],
        chain=["membership", "adversarial", "inversion"],
        detectors=["prada", "distribution_test"],
        out=tmp_path_factory.mktemp("runs") / "copies",
    )


def test_each_family_has_its_own_verdict(run):
    assert run.verdict is Verdict.LEAK
    result = run.result
    assert all(f.game == "membership" for f in result.of(Family.MEMBERSHIP))
    exact = {f.metric: f for f in result.findings if f.attack == "equation_solving"}
    assert exact["parameters_recovered"].value == exact["fidelity"].value == 1.0
    assert exact["parameters_recovered"].asset == "parameters"
    assert exact["fidelity"].asset == "functionality"
    assert exact["fidelity"].queries == 85  # a query an unknown of a class, and twenty to see whether the planes hold
    assert exact["fidelity"].standards
    knockoff = next(f for f in result.findings if f.attack == "knockoff" and f.metric == "fidelity")
    assert knockoff.access == "scores"
    assert knockoff.value > knockoff.chance
    assert knockoff.control < knockoff.low
    assert knockoff.positive_control > 0.9
    refused = {o.attack: reason for o, reason in result.refused()}
    assert "leaf identities" in refused["tree_paths"]
    linear = next(f for f in result.findings if f.attack == "relu_network" and f.metric == "fidelity")
    assert linear.value == 1.0  # a linear model is a network without neurons


def test_the_report_tells_both_stories(run, tmp_path):
    page = run.report(tmp_path / "r.html").read_text()
    assert "the model can be copied exactly" in page
    assert "Model copying: can the model be extracted?" in page
    assert "How many queries does a good copy take?" in page
    assert "What does the copy open up?" in page
    assert "Noticed by" in page
    assert "prada" in page
    text = run.report(tmp_path / "r.md").read_text()
    assert "### Model copying: can the model be extracted?" in text
    assert "“Equation solving” recovers 100 % of the model's parameters (260) with 85 queries." in text
    document = json.loads(run.report(tmp_path / "r.sarif").read_text())
    assert any("extraction" in rule["id"] for rule in document["runs"][0]["tool"]["driver"]["rules"])


def test_a_chain_says_what_the_copy_is_good_for(run):
    gains = {g.step: g for g in run.result.gains}
    assert set(gains) == {"membership", "adversarial", "inversion"}
    assert all(g.through.low <= g.through.value <= g.through.high for g in gains.values())
    assert gains["adversarial"].gained


def test_detectors_tell_after_how_many_queries_they_would_have_warned(tmp_path):
    own, held, pool = (blobs(n, seed=s) for n, s in ((300, 0), (900, 1), (900, 2)))
    run = divulge.audit(
        LogisticRegression().fit(own.flat(), own.y),
        *((r.flat(), r.y) for r in (own, held, pool)),
        attacks=[Copycat((300,), student="trees"), KnockoffRandom((300,), student="trees")],
        recipe=None,
        detectors=["distribution_test"],
        out=tmp_path / "run",
    )
    evidence = run.result.evidence
    (natural,), (even,) = evidence["copycat"].of(Alarm), evidence["knockoff_random"].of(Alarm)
    assert even.at == 100 and even.watched == 300
    assert natural.at is None
    assert "distribution test after 100" in run.report(tmp_path / "r.html").read_text()


def test_a_step_that_cannot_be_taken_says_why(tmp_path):
    x = np.random.default_rng(0).normal(size=(300, 4))
    y = x @ np.arange(4.0)
    y[200:] += np.random.default_rng(1).normal(size=100)  # else public labels would give the model away
    run = divulge.audit(
        LinearRegression().fit(x[:100], y[:100]),
        (x[:100], y[:100]),
        (x[100:200], y[100:200]),
        (x[200:], y[200:]),
        attacks=["equation_solving"],
        chain=["adversarial"],
        out=tmp_path / "run",
    )
    (gain,) = run.result.gains
    assert gain.gain is None and "no classes" in gain.measure
    assert "not taken" in run.report(tmp_path / "r.html").read_text()
    assert "no classes" in run.report(tmp_path / "r.md").read_text()


def test_claims_about_the_training_are_compared_with_the_recipe():
    recipe = BoundRecipe(TorchRecipe(lambda: None, batch_size=64), lambda model: model)
    assert recipe.settings == {"optimizer": "adam", "batch_size": 64}
    guess = ExtractionGuess(claims=(Claim("batch_size", 64.0), Claim("optimizer", "sgd"), Claim("dropout", 0.25)))
    found, _ = recoveries(guess, Secrets(settings={**recipe.settings, "dropout": 0.0}), (np.zeros(1),) * 3)
    (told,) = found
    assert (told.values, told.recovered, told.worst) == (3, 1, None)


def test_the_boundary_is_looked_for_between_whole_numbers_too():
    x = np.random.default_rng(0).integers(0, 17, (400, 5)).astype(float)
    held = records(x, (x.sum(axis=1) > 40).astype(int))
    target = SklearnTarget(LogisticRegression(max_iter=2_000).fit(x, held.y))
    _, theft, _ = steal(target, held, EquationSolving())
    assert {a.metric: a.copy for a in theft.counted} == {FIDELITY: 1.0, FIDELITY_UNIFORM: 1.0, FIDELITY_BOUNDARY: 1.0}


def test_the_gate_weighs_copies_again(run):
    assert judge(run.folder).exit_code == 1
    lenient = Policy(dict.fromkeys(run.result.facts.policy.thresholds, 1.0))
    assert judge(run.folder, lenient).broken == ()
    assert compare([run.folder])[0].copy.value == 1.0


def test_an_audit_of_copies_alone_needs_no_membership(sets, tmp_path):
    members, nonmembers, population = sets
    model = LogisticRegression(C=0.01).fit(*members)
    settings = {"recipe": None, "attacks": [Copycat((100, 300))], "defenses": [LabelOnly()]}
    first = divulge.audit(model, members, nonmembers, population, out=tmp_path / "a", **settings)
    page = first.report(tmp_path / "r.html").read_text()
    assert "Records at risk" not in page
    assert "Model copying: can the model be extracted?" in page
    assert first.result.baseline.missing == "no membership attack is part of this run"
    assert "no recipe is known" in first.outcomes[0].result.note
    again = divulge.audit(model, members, nonmembers, population, out=tmp_path / "b", **settings)
    strip = lambda run: [replace(f, seconds=0.0) for f in run.findings]  # noqa: E731
    assert strip(first) == strip(again)


def test_families_are_chosen_by_name(sets, tmp_path):
    x, y = load_breast_cancer(return_X_y=True)
    model = LogisticRegression(max_iter=5_000).fit(x[:200], y[:200])
    run = divulge.audit(
        model, (x[:200], y[:200]), (x[200:400], y[200:400]), families=["extraction"], out=tmp_path / "a"
    )
    games = {o.game for o in run.outcomes}
    assert games == {"extraction"}
    assert "data_free" not in {o.attack for o in run.outcomes}
    with pytest.raises(InputError, match="choose from membership"):
        divulge.audit(model, (x[:200], y[:200]), (x[200:400], y[200:400]), families=["theft"], out=tmp_path / "b")


def test_wrong_words_are_refused_with_the_right_ones(sets, tmp_path):
    members, nonmembers, population = sets
    model = DecisionTreeClassifier(max_depth=3).fit(*members)
    for settings, said in (
        ({"chain": ["membership"]}, "copies the model"),
        ({"chain": ["steal"], "families": ["extraction"]}, "choose from membership"),
        ({"detectors": ["guard"]}, "choose from prada"),
    ):
        with pytest.raises(InputError, match=said):
            divulge.audit(model, members, nonmembers, population, out=tmp_path / "x", **settings)


def test_an_interrupted_audit_of_copies_goes_on(sets, tmp_path):
    from divulge.setup.assemble import job_from_records
    from divulge.setup.settings import Options
    from divulge.setup.sources.recipes_from import recipe_for
    from divulge.setup.sources.records_from import records_from
    from divulge.setup.sources.targets_from import target_from

    members, nonmembers, population = sets
    target = target_from(LogisticRegression(C=0.01).fit(*members))
    records = records_from(target, members, nonmembers, population)

    def job():
        return job_from_records(
            target,
            records,
            Options(attacks=["equation_solving", Copycat((50,))], duplicates="drop", chain=["adversarial"]),
            recipe=recipe_for("auto", target, target),
        )

    whole = run_audit(job(), tmp_path / "whole")
    cut = run_audit(job(), tmp_path / "cut")
    for lost in ("outcomes/copycat.json", "evidence/copycat.json", "gains.json", "complete.json"):
        (tmp_path / "cut" / lost).unlink()
    cut = run_audit(job(), tmp_path / "cut", resume=True)
    again, first = cut.all_evidence(), whole.all_evidence()
    assert set(again) == set(first) == {"equation_solving", "copycat"}
    assert all(StoredEvidence.of(again[name]) == StoredEvidence.of(first[name]) for name in first)
    assert cut.gains() == whole.gains()


def test_what_a_copy_resolves_is_bounded_below():
    sure = 0.0125 ** (1 / 20)  # twenty of twenty, and none of twenty, at half of the error each
    assert resolved(Counted(FIDELITY, 80, 20, 0, 0), 0.05) == pytest.approx(sure - (1 - sure) / sure)
    assert resolved(Counted(FIDELITY, 100, 0, 0, 0), 0.05) == 0.0
    assert resolved(Counted(FIDELITY, 50, 0, 0, 50), 0.05) < 0.0
    equal = Counted(FIDELITY, 60, 20, 20, 0)
    assert resolved(equal, 0.05) < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_no_better_than_its_baseline_is_hardly_ever_called_a_leak(seed):
    rng = np.random.default_rng(seed)
    called = 0
    for _ in range(40):
        copy, base = rng.random((2, 500)) < 0.8
        counts = [int((copy == a).__and__(base == b).sum()) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
        estimate = weigh(Evidence((Counted(FIDELITY, *counts),)), Policy({"fidelity": 0.0}))[0]
        called += estimate.p_value <= 0.05
    assert called <= 6


def test_secrets_that_could_be_guessed_have_the_p_value_of_guessing():
    assert guessing((0.5, 0.5), 2) == 0.25
    assert guessing((1 / 3,) * 7, 0) == 1.0
    sure = weigh(Evidence((Exact(PARAMETERS_RECOVERED, 10, 10, 1e-3, worst=1e-9),)), Policy())[0]
    none = weigh(Evidence((Exact(PARAMETERS_RECOVERED, 10, 0, 1e-3),)), Policy())[0]
    lucky = weigh(Evidence((Exact(ARCHITECTURE_RECOVERED, 2, 2, 0.01, (0.5, 0.5)),)), Policy())[0]
    assert sure.p_value < 1e-10 and none.p_value == 1.0 and lucky.p_value == 0.25
