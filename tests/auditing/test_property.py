"""An audit that asks about the training set as a whole: verdicts, report, gate, audit file, refusals."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB
from tests.attacks.property_games import drawn

import divulge
from divulge.core.errors import InputError
from divulge.core.results.exhibits import Fact
from divulge.core.results.finding import Refused, Verdict
from divulge.core.results.policy import Policy
from divulge.games.properties import PropertyPlan
from divulge.runs.gate import judge
from divulge.setup.audit_file import load

NAMES = ["property_chosen", "property_kl_test", "property_neurons", "snap"]
PLAN = PropertyPlan(("share(y == 1)",), victims=24, shadows=32, size=200, queries=200)


def frame(count, seed):
    side = drawn(count, seed)
    return pd.DataFrame(side.records.x, columns=[f"x{i}" for i in range(4)]), side.records.y


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    sets = [frame(n, seed) for n, seed in ((300, 1), (1_200, 2), (3_000, 3))]
    return divulge.audit(
        GaussianNB().fit(*sets[0]),
        *sets,
        threat="published-model",
        attacks=NAMES,
        properties=PLAN,
        engine="sequential",
        out=tmp_path_factory.mktemp("runs") / "property",
    )


def test_a_share_of_classes_is_told_with_an_interval_for_the_audited_model(run):
    found = next(f for f in run.findings if f.attack == "property_chosen" and f.key == "property_told")
    assert found.verdict is Verdict.LEAK and found.value == 1 and found.chance == 0.5
    assert 0.2 <= found.control <= 0.8 and found.positive_control == 1
    assert "NISTAML.034" in " ".join(found.standards)
    assert found.about == "share(y == 1)"
    (fact,) = run.result.evidence["property_chosen"].of(Fact)
    answer = fact.answer
    assert answer.low <= answer.truth <= answer.high and answer.high - answer.low < 0.2


def test_the_report_says_it_in_one_sentence(run, tmp_path):
    text = run.report(tmp_path / "r.md").read_text()
    assert "Facts about the training set as a whole can be inferred" in text
    assert "that the share of training records with y = 1 is between" in text
    page = run.report(tmp_path / "r.html").read_text()
    assert 'id="properties"' in page and "property-0" in page
    assert json.loads(run.report(tmp_path / "r.sarif").read_text())["runs"]


def test_what_cannot_run_says_why(run):
    reasons = {o.attack: o.result.reason for o in run.outcomes if isinstance(o.result, Refused)}
    assert "PyTorch" in reasons["property_neurons"] and "interferes" in reasons["snap"]


def test_the_gate_weighs_again(run):
    assert judge(run.folder).exit_code == 1
    assert judge(run.folder, Policy({"property_told": 0.6, "property_estimated": 0.6})).exit_code == 0


def test_an_audit_file_names_properties_and_a_typing_error_is_told(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "target: {kind: sklearn, path: m.joblib, trust: true}\ndata: {members: 10, nonmembers: 10, source: digits}\n"
        'families: [property]\nproperties: {properties: ["share(y == 1)"], victims: 24}\n'
    )
    assert load(tmp_path / "a.yaml").properties.victims == 24
    sets = [frame(n, seed) for n, seed in ((300, 1), (300, 2))]
    model = GaussianNB().fit(*sets[0])
    with pytest.raises(InputError, match="no expression"):
        divulge.audit(model, *sets, families=["property"], properties=["share(y =="], out=tmp_path / "run")
    with pytest.raises(InputError, match="no column 'z'"):
        divulge.audit(model, *sets, families=["property"], properties=["share(z == 1)"], out=tmp_path / "run")
    few = divulge.audit(
        model, *sets, frame(90, 5), attacks=["property_chosen"], properties=["share(y == 1)"], out=tmp_path / "few"
    )
    assert "give more records" in few.outcomes[0].result.reason
    lacking = divulge.audit(model, *sets, families=["property"], out=tmp_path / "bare")
    assert all(isinstance(o.result, Refused) for o in lacking.outcomes)
    assert np.all(["no property" in o.result.reason or "needs" in o.result.reason for o in lacking.outcomes])
