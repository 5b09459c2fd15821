"""Copies of a model behind a real server on 127.0.0.1, also one that misbehaves."""

from __future__ import annotations

import numpy as np
import pytest
from tests.attacks.extraction_games import steal
from tests.targets.server import App, serving
from tests.targets.test_http import RECORDS, scores, target

import divulge
from divulge.attacks.extraction.copycat import Copycat
from divulge.attacks.extraction.equation_solving import EquationSolving
from divulge.core.errors import TargetError
from divulge.core.results.finding import Failed, Played, Refused, Verdict


def test_a_softmax_model_is_stolen_with_as_many_queries_as_the_server_counts(tmp_path):
    app = App(lambda rows: scores(rows).tolist())
    with serving(app) as url:
        service = target(url, tmp_path, classes=[0, 1, 2])
        service.meet(RECORDS)
        before = app.log.records
        guess, theft, oracle = steal(service, RECORDS, EquationSolving())
        assert oracle.queries == 25  # a query an unknown of a class, and twenty to see whether the planes hold
        weights, _bias = guess.parameters.arrays
        true = np.column_stack([2 * np.eye(3), np.zeros(3)])
        np.testing.assert_allclose(weights - weights.mean(axis=0), true - true.mean(axis=0), atol=1e-9)
        (lack,) = theft.lacking
        assert lack.metric == "parameters_recovered" and lack.reason.endswith("none are known")
        asked = app.log.records - before
        steal(service, RECORDS, EquationSolving())
        assert app.log.records == before + asked  # everything lies on disk: a second audit asks nothing


def test_labels_from_a_service_are_enough_for_a_copy_and_the_rest_is_refused(tmp_path):
    app = App(lambda rows: scores(rows).argmax(axis=1).tolist())
    x = np.random.default_rng(1).normal(size=(400, 4))
    y = scores(x).argmax(axis=1)
    with serving(app) as url:
        run = divulge.audit(
            target(url, tmp_path, classes=[0, 1, 2]),
            (x[:100], y[:100]),
            (x[100:200], y[100:200]),
            (x[200:], y[200:]),
            attacks=[Copycat((150,), student="trees"), "equation_solving"],
            recipe=None,
            out=tmp_path / "run",
        )
    told = {o.attack: o.result for o in run.outcomes}
    assert isinstance(told["copycat"], Played)
    assert isinstance(told["equation_solving"], Refused)
    assert next(f for f in run.findings if f.metric == "fidelity").value > 0.8


def test_a_service_is_not_asked_again_to_see_what_fewer_queries_would_give(tmp_path):
    app = App(lambda rows: scores(rows).argmax(axis=1).tolist())
    x = np.random.default_rng(1).normal(size=(900, 4))
    y = np.random.default_rng(2).integers(0, 3, len(x))
    sets = (x[:100], y[:100]), (x[100:300], y[100:300]), (x[300:], y[300:])
    how = {"attacks": [Copycat((500,), student="trees")], "recipe": None}
    with serving(app) as url:
        run = divulge.audit(target(url, tmp_path, classes=[0, 1, 2]), *sets, **how, out=tmp_path / "service")
    here = divulge.audit(scores, *sets, **how, out=tmp_path / "here")
    for audited in (run, here):
        assert next(f for f in audited.findings if f.metric == "fidelity").verdict is Verdict.LEAK
    assert run.result.mitigations == () and here.result.mitigations


def test_a_service_that_breaks_off_fails_one_attack_with_one_line(tmp_path):
    answered = [0]

    def weary(rows):
        answered[0] += 1
        return scores(rows).tolist() if answered[0] < 3 else [["no"]] * len(rows)

    x = np.random.default_rng(1).normal(size=(300, 4))
    y = scores(x).argmax(axis=1)
    with serving(App(weary)) as url:
        run = divulge.audit(
            target(url, tmp_path, classes=[0, 1, 2], tries=1),
            (x[:100], y[:100]),
            (x[100:200], y[100:200]),
            (x[200:], y[200:]),
            attacks=["copycat"],
            recipe=None,
            out=tmp_path / "run",
        )
    (outcome,) = run.outcomes
    assert isinstance(outcome.result, Failed)
    assert "\n" not in outcome.result.error
    with pytest.raises(TargetError):
        target("http://127.0.0.1:9/predict", tries=1).meet(RECORDS)
