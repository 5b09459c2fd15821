"""A claim is a run like any other: the same figures, findings, report, gate and resume, and no word on the families."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from tests.claims.test_one_run import numbered, randomized_response
from tests.defenses.nets import BASE, digits
from torch import nn

import divulge
from divulge.claims import as_run as runs_of_claims
from divulge.claims import cardinality, dataset_use
from divulge.claims.dp_training import dp_training
from divulge.claims.guesses import SHARES, bounded_by, estimate_of
from divulge.core.errors import Notice
from divulge.core.results.exhibits import Claimed
from divulge.core.results.finding import CLAIM, Verdict
from divulge.core.results.metric import DATASET_USED, EPSILON_ONE_RUN, NOT_AS_CLAIMED, SHARE_USED, SOURCE_INFERRED
from divulge.core.results.policy import Policy
from divulge.data.arrays import from_arrays
from divulge.report.typography import capital
from divulge.runs.gate import judge
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.targets_from import target_from
from divulge.training.recipes.pytorch import TorchRecipe


def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


@pytest.fixture(scope="module")
def forest():
    """A forest that learned its records by heart, its own records, fresh ones, and others."""
    x, y = make_classification(900, 12, n_informative=4, flip_y=0.3, random_state=0)
    model = RandomForestClassifier(20, random_state=0).fit(x[:300], y[:300])
    target = target_from(model)
    return target, *from_arrays([(x[p], y[p]) for p in (slice(300), slice(300, 600), slice(600, 900))]), model


def of_set(forest, **where):
    return dataset_use.was_used(*forest[:3], **where)


def of_strangers(forest, **where):
    return dataset_use.was_used(forest[0], forest[2], forest[3], **where)


def of_share(forest, **where):
    recipe = recipe_for("auto", forest[4], forest[0])
    return cardinality.used_share(*forest[:3], recipe, **where)


def of_canaries(forest, **where):
    canaries = forest[1].take(np.arange(30))
    return dataset_use.canaries_used(forest[0], canaries, "a hash", **where)


def of_epsilon(forest, claimed=1.0, epsilon=4.0, canaries=300, **where):
    made = randomized_response(epsilon)
    return divulge.audit_epsilon(made, numbered(50), numbered(canaries, 1000), claimed=claimed, delta=0.0, **where)


def of_honest_epsilon(forest, **where):
    return of_epsilon(forest, claimed=2.0, epsilon=0.1, **where)


def of_rounds(forest, secure=False, **where):
    pytest.importorskip("flwr")
    sets = digits(200, 200, 300)
    recipe = TorchRecipe(wide, epochs=1, batch_size=16, learning_rate=5e-3)
    federated = divulge.Federated(clients=3, rounds=4, local_epochs=2, secure=secure)
    return divulge.audit_rounds(federated, recipe, *sets, **where)


def of_training(forest, multiplier=1.0, **where):
    """DP-SGD whose noise is as claimed, or so many times."""
    pytest.importorskip("opacus")
    from divulge.defenses.training.dp_sgd import DpSgd

    short, members = replace(BASE, epochs=3), digits(400, 100, 100)[0]
    private = DpSgd(epsilon=1.0)
    noise = private.multiplier(*private.schedule(400, 64, 3)) * multiplier

    def train():
        return DpSgd(noise=noise).fit(short, members, 0)

    return dp_training(train, 400, claimed=1.0, **where)


def of_false_training(forest, **where):
    return of_training(forest, 0.1, **where)


CLAIMS = {
    of_set: 1,
    of_strangers: 0,
    of_share: 1,
    of_canaries: 1,
    of_epsilon: 1,
    of_honest_epsilon: 0,
    of_training: 0,
    of_false_training: 1,
}
"""What the gate says of each."""

NAMES = [claim.__name__ for claim in CLAIMS]


@pytest.fixture(scope="module", params=CLAIMS, ids=NAMES)
def kept(request, forest, tmp_path_factory):
    """The claim, its result without a run, and the same with one."""
    folder = tmp_path_factory.mktemp("claims") / "run"
    return request.param, request.param(forest), request.param(forest, out=folder)


def test_figures_are_those_of_the_direct_call(kept):
    _, bare, found = kept
    assert bare == found and bare.run is None and found.run.is_dir()


def test_a_run_opens_and_says_nothing_of_any_family(kept):
    claim, _, found = kept
    run = divulge.Run.open(found.run)
    assert run.result.complete and run.result.only_claims
    assert set(run.verdicts.values()) == {Verdict.NOT_EXAMINED}
    assert run.verdict is (Verdict.LEAK if CLAIMS[claim] else Verdict.NOT_FOUND)
    written = json.loads((found.run / "findings.json").read_text())
    assert {name for name, verdict in written["families"].items() if verdict != "not examined"} == {CLAIM}
    assert all(f.game == f.asset == CLAIM for f in run.findings)


def test_the_report_says_what_was_claimed_and_how_it_was_tested(kept):
    _, _, found = kept
    run = divulge.Run.open(found.run)
    told = [exhibit for each in run.result.evidence.values() for exhibit in each.of(Claimed)]
    html = run.report(found.run / "r.html").read_text()
    text = run.report(found.run / "r.md").read_text()
    assert told and "## What was claimed, and what the test showed" in text and 'id="claims"' in html
    for one in told:
        assert all(sentence in text for sentence in (one.claim, one.test, one.chance))
        assert all(value in text for _, value in one.figures)
    assert text.count(": not examined.") >= 4 and ": not found." not in text
    for page in ("decision", "card"):
        shown = run.report(found.run / f"{page}.md", page=page).read_text()
        assert "Nothing was found that speaks against it" not in shown and told[0].claim in shown
    for ending in ("sarif", "json"):
        assert run.report(found.run / f"r.{ending}").stat().st_size


def test_the_gate_ends_as_the_claim_does_and_needs_more_where_a_policy_does(kept):
    claim, _, found = kept
    judged = judge(found.run)
    assert judged.exit_code == CLAIMS[claim], judged.said()
    again = judge(found.run, Policy(confidence=0.95, requires=("membership",)))
    assert again.exit_code == (1 if CLAIMS[claim] else 3) and "requires.membership" in " ".join(again.said())
    assert len(divulge.Run.open(found.run).to_frame()) == len(divulge.Run.open(found.run).findings)


def test_a_run_at_its_end_is_read_and_not_computed_again(kept, forest, monkeypatch):
    claim, _, found = kept
    monkeypatch.setattr(runs_of_claims, "_played", None)
    again = claim(forest, resume=found.run)
    assert again == found and again.run == found.run


def test_a_run_of_something_else_is_not_gone_on_with(kept, forest):
    claim, _, found = kept
    other = {"seed": 9}
    with pytest.raises(divulge.InputError, match="is a run of another claim"):
        claim(forest, resume=found.run, **other)
    with pytest.raises(divulge.InputError, match="exclude each other"):
        claim(forest, resume=found.run, out=found.run)


# What is particular to one of them


def test_the_p_value_of_a_set_is_that_of_the_run(forest, tmp_path):
    usage = of_set(forest, out=tmp_path / "r")
    (finding,) = divulge.Run.open(usage.run).findings
    assert (finding.metric, finding.p_value, finding.value) == (DATASET_USED, usage.p_value, usage.share)
    assert len(divulge.Run.open(usage.run).scores("dataset_use")) == 300


def test_two_tests_of_one_set_share_the_error_rate(forest, tmp_path):
    recipe = recipe_for("auto", forest[4], forest[0])
    usage, share = dataset_use.used_and_share(*forest[:3], recipe, out=tmp_path / "r")
    assert usage == of_set(forest) and share == of_share(forest)
    first, second = divulge.Run.open(tmp_path / "r").findings
    assert (first.metric, second.metric) == (DATASET_USED, SHARE_USED)
    assert max(first.p_adjusted, second.p_adjusted) >= 2 * min(first.p_value, second.p_value)
    assert (second.value, second.low, second.high) == (share.share, share.low, share.high)


def test_nothing_claimed_is_nothing_to_pass(forest, tmp_path):
    found = of_epsilon(forest, claimed=None, out=tmp_path / "r")
    assert found.verdict == "not found" and found.epsilon > 1
    (finding,) = divulge.Run.open(found.run).findings
    assert finding.verdict is Verdict.NOT_MEASURABLE and finding.value == found.epsilon
    assert judge(found.run).exit_code == 3 and "no epsilon was claimed" in " ".join(judge(found.run).said())


def test_so_few_canaries_that_none_could_refute_the_claim_do_not_pass(forest, tmp_path):
    found = of_epsilon(forest, claimed=9.0, canaries=60, out=tmp_path / "r")
    assert found.ceiling < 9 and found.verdict == "not found"
    assert judge(found.run).exit_code == 3 and "so few canaries" in " ".join(judge(found.run).said())


@pytest.mark.parametrize("right", range(60, 101, 4))
def test_the_p_value_of_an_epsilon_falls_below_the_error_rate_where_the_bound_exceeds_the_claim(right):
    counts = [(100, right)] * len(SHARES)
    found = bounded_by(counts, 1.0, 1e-5, 0.95, 200)
    made = estimate_of(found, counts, 1.0, 1 - 0.95)
    assert (made.p_value <= 1 - 0.95) == (found.epsilon > 1.0) == (found.verdict == "leak")
    assert made.metric == EPSILON_ONE_RUN and made.value == found.epsilon


def test_a_training_that_is_not_as_claimed_says_what_is_not(forest, tmp_path):
    found = of_false_training(forest, out=tmp_path / "r")
    findings = {f.metric: f for f in divulge.Run.open(found.run).findings}
    assert findings[NOT_AS_CLAIMED].verdict is Verdict.LEAK and findings[NOT_AS_CLAIMED].value == len(found.faults) / 3
    assert capital(found.faults[0]) in divulge.Run.open(found.run).report(tmp_path / "r.md").read_text()


def test_rounds_are_a_run_with_their_control(forest, tmp_path):
    found = of_rounds(forest, out=tmp_path / "r")
    assert found == of_rounds(forest)
    run = divulge.Run.open(found.run)
    assert [o.attack for o in run.outcomes] == ["rounds_passive", "rounds_active", "rounds_source"]
    measured = {(f.attack, f.metric): f for f in run.findings}
    for name, estimates in (("rounds_passive", found.passive), ("rounds_active", found.active)):
        assert [measured[name, e.metric].value for e in estimates] == [e.value for e in estimates]
    assert measured["rounds_passive", "auc"].control == found.control[0].value
    assert measured["rounds_source", SOURCE_INFERRED].value == found.source.value
    assert set(run.verdicts.values()) == {Verdict.NOT_EXAMINED} and run.result.at_risk == ()
    assert judge(found.run).exit_code == {Verdict.LEAK: 1, Verdict.NOT_FOUND: 0}.get(run.verdict, 3)
    assert "was drawn by lot" in run.report(tmp_path / "r.md").read_text() and run.report(tmp_path / "r.html").is_file()
    assert judge(found.run, Policy()).verdict is run.verdict
    assert of_rounds(forest, resume=found.run) == found


def test_a_source_that_is_hidden_is_refused_and_not_cleared(forest, tmp_path):
    found = of_rounds(forest, secure=True, out=tmp_path / "r")
    assert found.source is None
    refused = [(o.attack, reason) for o, reason in divulge.Run.open(found.run).result.refused()]
    assert refused == [("rounds_source", "secure aggregation hides the models that the clients send")]
    assert of_rounds(forest, secure=True, resume=found.run) == found


def test_what_was_interrupted_begins_again_and_says_so(forest, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(dataset_use, "permutation_p_value", interrupted)
        of_set(forest, out=tmp_path / "r")
    half = divulge.Run.open(tmp_path / "r")
    assert half.verdict is Verdict.NOT_EXAMINED and not half.result.complete and judge(half.folder).exit_code == 3
    assert half.report(tmp_path / "half.md").is_file()
    with pytest.warns(Notice, match="Dataset inference had not come to its end: it begins again"):
        found = of_set(forest, resume=tmp_path / "r")
    assert found == of_set(forest) and judge(found.run).exit_code == 1


def test_the_second_test_is_gone_on_with_and_the_first_is_read(forest, tmp_path, monkeypatch):
    recipe = recipe_for("auto", forest[4], forest[0])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(cardinality, "_references", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        dataset_use.used_and_share(*forest[:3], recipe, out=tmp_path / "r")
    assert judge(tmp_path / "r").exit_code == 1, "the first test was upheld already"
    monkeypatch.setattr(dataset_use, "_compared", None)
    with pytest.warns(Notice, match="Share of a set"):
        _, share = dataset_use.used_and_share(*forest[:3], recipe, resume=tmp_path / "r")
    assert share == of_share(forest) and divulge.Run.open(tmp_path / "r").result.complete


def test_input_that_is_refused_leaves_no_run(forest, tmp_path):
    few = forest[1].take(np.arange(5))
    with pytest.raises(divulge.InputError, match="at least 20 own"):
        dataset_use.was_used(forest[0], few, forest[2], out=tmp_path / "r")
    assert not (tmp_path / "r").exists()
