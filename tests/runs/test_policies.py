"""Policies with reasons, what they want looked at, and models that must not leak more than the one before."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

import divulge
from divulge.cli.app import app
from divulge.core.results.finding import Finding
from divulge.core.results.policy import DEFAULT_THRESHOLDS, Policy
from divulge.core.threat import PRESETS, Access
from divulge.runs.differences.changes import ComparedMetric, in_common
from divulge.runs.gate import judge
from divulge.runs.policies import load_policy, shipped
from divulge.runs.regression import compared_with, grown
from divulge.stats.comparison.gains import finding_difference


@pytest.mark.parametrize("name", shipped())
def test_every_threshold_of_a_policy_that_ships_has_a_reason_and_a_source(name):
    import yaml

    from divulge.runs import policies

    text = (policies.files("divulge.runs") / "policy_files" / f"{name}.yaml").read_text("utf-8")
    content = yaml.safe_load(text)
    assert content["name"] == name and content["purpose"] and content["requires"]
    for metric, rule in content["thresholds"].items():
        assert metric in DEFAULT_THRESHOLDS and rule["why"] and rule["source"], metric
    made = load_policy(name)
    assert made.least_access in [a.value for a in Access] and made.why["adversary"]
    assert made.reason("auc" if "auc" in content["thresholds"] else "records_rebuilt").endswith(")")


def test_the_policies_are_ordered_as_their_purposes_are():
    assert shipped() == ["federated", "publish-weights", "serve-by-api", "share-inside"]
    strict, middle, loose = (load_policy(n) for n in ("publish-weights", "serve-by-api", "share-inside"))
    for metric in ("auc", "balanced_accuracy", "tpr_at_fpr_0.01", "epsilon"):
        assert strict.threshold(metric) < middle.threshold(metric) <= loose.threshold(metric)
    # tanh(epsilon / 2): the advantage that training with that epsilon would allow at most
    for policy, epsilon in ((strict, 0.1), (middle, 0.2), (loose, 0.4)):
        assert policy.threshold("auc") == pytest.approx(np.tanh(epsilon / 2), abs=0.003)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adversary: {access: root}", "no such access"),
        ("requires: [extracting]", "did you mean 'extraction'"),
        ("thresholds: {auc: {because: 1}}", "thresholds.auc"),
    ],
)
def test_policies_that_are_wrong(tmp_path, text, message):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(divulge.InputError, match=message):
        load_policy(path)


def test_a_name_that_does_not_exist_is_told_those_that_do():
    with pytest.raises(divulge.InputError, match="serve-by-api, share-inside"):
        load_policy("publish")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1200, 4))
    y = (x[:, 0] + rng.normal(size=1200) > 0).astype(int)
    folder = tmp_path_factory.mktemp("runs")
    same = {"attacks": ["loss", "correctness", "entropy"], "seed": 0}
    sets = {"members": (x[:600], y[:600]), "nonmembers": (x[600:], y[600:])}
    careful = divulge.audit(LogisticRegression().fit(x[:600], y[:600]), **sets, out=folder / "careful", **same)
    tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=0).fit(x[:600], y[:600])
    leaky = divulge.audit(tree, **sets, out=folder / "leaky", **same)
    return careful, leaky


def test_the_gate_names_the_rule_its_policy_its_reason_and_who_broke_it(runs):
    _, leaky = runs
    done = CliRunner().invoke(app, ["gate", str(leaky.folder), "--policy", "share-inside"])
    assert done.exit_code == 1
    assert "▲ rule thresholds.auc = 0.2 of policy share-inside is broken by" in done.stdout
    assert "because: what training with epsilon 0.4 would allow at most" in done.stdout
    listed = CliRunner().invoke(app, ["gate", "--policies"]).stdout
    assert all(name in listed for name in shipped())


def test_a_policy_wants_to_know_what_was_looked_at(runs):
    careful, _ = runs
    assert judge(careful.folder, load_policy("share-inside")).exit_code == 0
    judgment = judge(careful.folder, load_policy("publish-weights"))
    assert judgment.exit_code == 3 and not judgment.broken
    said = " ".join(judgment.incomplete)
    assert "rule adversary.access = parameters" in said and "saw only scores" in said
    assert "rule requires.reconstruction" in said and "rule requires.property" in said
    with pytest.raises(AssertionError, match=r"rule requires\.property"):
        divulge.assert_no_leak(careful, policy="publish-weights")
    divulge.assert_no_leak(careful, policy="share-inside")


def test_a_model_must_not_leak_more_than_the_one_before(runs):
    careful, leaky = runs
    loose = Policy(dict.fromkeys(DEFAULT_THRESHOLDS, 0.9) | {"epsilon": 9.0})
    judgment = judge(leaky.folder, loose, before=careful.folder)
    assert judgment.exit_code == 1 and not judgment.broken and judgment.worse
    assert any("rule no-worse-than careful: auc has grown for" in line for line in judgment.said())
    assert judge(careful.folder, loose, before=leaky.folder).exit_code == 0
    assert judge(careful.folder, loose, before=careful.folder).worse == ()
    with pytest.raises(AssertionError, match="no-worse-than careful"):
        divulge.assert_no_leak(leaky, loose, before=careful)


def finding(value, low, high, attack="loss", metric="auc", chance=0.5):
    rest = dict.fromkeys(list(Finding.__dataclass_fields__))
    told = {"attack": attack, "metric": metric, "value": value, "low": low, "high": high, "chance": chance}
    return Finding(**{**rest, **told, "standards": (), "details": (), "game": "membership"})


def same_threat():
    return PRESETS["mlaas"], PRESETS["mlaas"]


def worse_by(now, then):
    """What has grown, where no more than two estimates with their intervals is known."""
    pairs = in_common(then, now)
    return grown([ComparedMetric(*pair, finding_difference(*pair, 0.95)) for pair in pairs], Policy())


def test_growth_is_weighed_by_hand():
    """0.60 (0.56 to 0.64) before, 0.70 (0.66 to 0.74) now: 0.1 less sqrt(2) x 0.04 is 0.0434; z = 0.1/(0.0566/1.96)."""
    (worse,) = worse_by((finding(0.7, 0.66, 0.74),), (finding(0.6, 0.56, 0.64),))
    assert worse.low == pytest.approx(0.0434, abs=1e-4)
    assert worse.p_adjusted == pytest.approx(stats.norm.sf(1.959964 * 0.1 / (0.04 * np.sqrt(2))), rel=1e-6)


def test_a_hair_and_an_accident_do_not_count():
    hair = worse_by((finding(0.61, 0.609, 0.611),), (finding(0.6, 0.599, 0.601),))
    assert hair == ()  # certain, and smaller than half of the 0.05 that are tolerated
    accident = worse_by((finding(0.7, 0.5, 0.9),), (finding(0.6, 0.4, 0.8),))
    assert accident == ()


def test_many_comparisons_share_the_error():
    """Each of 40 metrics grows by what alone would be significant at 2 %."""
    step = 0.04 * np.sqrt(2) * stats.norm.isf(0.02) / 1.959964
    now = tuple(finding(0.6 + step, 0.56 + step, 0.64 + step, f"a{n}") for n in range(40))
    then = tuple(finding(0.6, 0.56, 0.64, f"a{n}") for n in range(40))
    assert worse_by(now[:1], then[:1])
    assert worse_by(now, then) == ()


def test_equal_models_are_seldom_said_to_leak_more():
    """200 pairs of runs of one and the same leak, 300 records: at most the error rate, and some noise."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        pair = []
        for _ in range(2):
            hits = rng.binomial(300, 0.6) / 300
            half = 1.96 * np.sqrt(hits * (1 - hits) / 300)
            pair.append((finding(hits, hits - half, hits + half),))
        alarms += bool(worse_by(*pair))
    assert alarms <= 18


def test_runs_that_cannot_be_compared():
    one = (finding(0.6, 0.5, 0.7),)
    with pytest.raises(divulge.InputError, match="same threat model"):
        compared_with(one, one, Policy(), (PRESETS["mlaas"], PRESETS["label-only"]))
    with pytest.raises(divulge.InputError, match="no measured metric in common"):
        in_common(one, (replace(one[0], attack="other"),))


def test_junit_has_a_case_for_every_attack_and_rule(runs, tmp_path):
    careful, leaky = runs
    path = tmp_path / "junit.xml"
    command = ["gate", str(leaky.folder), "--policy", "serve-by-api", "--before", str(careful.folder)]
    assert CliRunner().invoke(app, [*command, "--junit", str(path)]).exit_code == 1
    (suite,) = ElementTree.parse(path).getroot()
    cases = {case.get("name"): case for case in suite}
    assert int(suite.get("tests")) == len(cases)
    assert int(suite.get("failures")) == sum(case.find("failure") is not None for case in cases.values())
    assert "rule thresholds.auc = 0.1" in cases["Loss threshold"].find("failure").get("message")
    assert cases["no worse than careful"].find("failure") is not None
    assert cases["requires extraction"].find("failure") is not None
    assert cases["requires membership"].find("failure") is None
    assert cases["the audit is complete"].find("failure") is None


def test_an_audit_file_finds_its_policy_beside_itself(tmp_path, monkeypatch):
    from divulge.setup.audit_file import AuditFile

    (tmp_path / "ours.yaml").write_text("name: ours\nthresholds: {auc: 0.3}")
    least = {"target": {"kind": "sklearn", "path": "m.joblib"}, "data": {"members": "a.csv", "nonmembers": "b.csv"}}
    monkeypatch.chdir("/")
    assert AuditFile.model_validate(least | {"policy": "ours.yaml"}).options(tmp_path).tolerated.threshold("auc") == 0.3
    assert AuditFile.model_validate(least | {"policy": "federated"}).options(tmp_path).tolerated.name == "federated"
    with pytest.raises(divulge.InputError, match="no file at"):
        AuditFile.model_validate(least | {"policy": "theirs.yaml"}).options(tmp_path).checked()


def test_an_audit_may_name_its_policy(tmp_path, runs, halves):
    x, y, u, v = halves
    model = LogisticRegression(max_iter=5000).fit(x, y)
    run = divulge.audit(model, (x, y), (u, v), attacks=["loss"], policy="serve-by-api", out=tmp_path / "r")
    assert run.result.facts.policy.name == "serve-by-api"
    assert judge(run.folder).policy.reason("fidelity").startswith("a copy that settles half")
