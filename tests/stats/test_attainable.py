"""Too few records are not measurable, and the number that would do is said."""

from __future__ import annotations

import re
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from divulge.core.results.finding import Measurement, Verdict
from divulge.core.results.metric import Trials, of_trials
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.stats.attainable import attainable, enough_records, luck, smallest
from divulge.stats.scored import weigh_scored
from divulge.stats.verdict import settle

METRICS = of_trials(Trials.SCORED)

POLICY = Policy()
sizes = st.integers(1, 400)


def perfect(n_in, n_out):
    """An attack that never errs; strangers are all alike to it."""
    member = np.arange(n_in + n_out) < n_in
    return Scored(np.where(member, 1.0 + np.arange(n_in + n_out), 0.0), member, *[np.arange(n_in + n_out)] * 2)


def judged(evidence, policy=POLICY):
    found = [
        Measurement(
            attack="loss", game="membership", asset="membership", access="scores", metric=e.metric, value=e.value,
            low=e.low, high=e.high, confidence=e.confidence, chance=e.chance, baseline=None, control=None,
            positive_control=None, advantage=e.advantage, advantage_low=e.advantage_low, power=e.detectable,
            threshold=e.threshold, p_value=e.p_value, queries=1, models_trained=0, seconds=0.0, seed=0, paper="p",
            details=e.details, attainable=e.attainable, enough=e.enough, p_below=e.p_below,
            unmeasurable=e.unmeasurable or "",
        )
        for e in weigh_scored(evidence, policy, len(METRICS))
    ]  # fmt: skip
    return {f.metric: f for f in settle(found, policy, None)}


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=15, deadline=None)
@given(n_in=sizes, n_out=sizes, more_in=sizes, more_out=sizes)
def test_more_records_are_never_worth_less(metric, n_in, n_out, more_in, more_out):
    few = attainable(metric, n_in, n_out, 0.05, 1e-5)
    many = attainable(metric, n_in + more_in, n_out + more_out, 0.05, 1e-5)
    assert many <= few * 1.005  # p-values are found by bisection and sums
    assert few >= min(1.0, 2 / comb(n_in + n_out, n_in)) * (1 - 1e-6)


def test_what_a_perfect_attack_gets_agrees_with_formulas():
    assert attainable("auc", 20, 35, 0.05, 0.0) == pytest.approx(2 * 0.525**20, rel=2e-3)
    assert luck(3, 3) == pytest.approx(2 / 20) and luck(1, 1) == 1.0
    exact = integrate.quad(lambda p: 40 * (1 - p) ** 39 * min(1.0, 2 * max(p, 0.1)) ** 30, 0, 1, points=[0.1, 0.5])[0]
    assert attainable("tpr_at_fpr_0.1", 30, 40, 0.1, 0.0) == pytest.approx(2 * exact, rel=5e-3)


@pytest.mark.parametrize("metric", ["auc", "balanced_accuracy", "tpr_at_fpr_0.1", "tpr_at_fpr_0.01", "epsilon"])
def test_the_number_named_does_and_hardly_fewer_do(metric):
    alpha = 0.05 / len(METRICS)
    number = enough_records(metric, POLICY.threshold(metric), 1e-5, alpha)
    step = round(1 / float(metric.rpartition("_")[2])) if metric.startswith("tpr") else 1
    assert judged(perfect(number, number))[metric].verdict is Verdict.LEAK
    less = number // 2 if metric == "epsilon" else number - step  # Holm's rule asks less of the least certain metric
    if less > 0:
        chance = np.arange(2 * less) % 2 == 0
        few = Scored(np.random.default_rng(0).normal(size=len(chance)), chance, *[np.arange(len(chance))] * 2)
        assert judged(few)[metric].verdict is Verdict.NOT_MEASURABLE


def test_one_record_a_side_is_not_measurable_whatever_it_answers():
    for evidence in (perfect(1, 1), Scored(np.array([0.0, 1.0]), np.array([True, False]), *[np.arange(2)] * 2)):
        found = judged(evidence)
        assert {f.verdict for f in found.values()} == {Verdict.NOT_MEASURABLE}
        number = int(re.search(r"at least (\d+) members and as many", found["auc"].reason)[1])
        assert judged(perfect(number, number))["auc"].verdict is Verdict.LEAK


def test_an_interval_that_lies_within_what_is_tolerated_is_an_answer_at_any_size():
    rng = np.random.default_rng(1)
    member = np.arange(40) < 20
    quiet = Scored(rng.normal(size=40), member, *[np.arange(40)] * 2)
    generous = judged(quiet, Policy({"auc": 0.9}))
    assert 2 * generous["auc"].high - 1 < 0.9 and generous["auc"].verdict is Verdict.NOT_FOUND


def test_the_smallest_number_is_found_and_none_where_there_is_none():
    assert [smallest(lambda n, k=k: n >= k) for k in (1, 2, 3, 100, 4096)] == [1, 2, 3, 100, 4096]
    assert smallest(lambda n: False) is None
