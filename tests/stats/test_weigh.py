from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from divulge.core.results.evidence import Evidence
from divulge.core.results.metric import Trials, of_trials
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.stats.auc import auc
from divulge.stats.curves import histogram, roc_band
from divulge.stats.power import detectable_auc
from divulge.stats.privacy.epsilon import ceiling, epsilon_lower_bound
from divulge.stats.roc import at_fnr, at_fpr, roc
from divulge.stats.weigh import weigh


def evidence(inside, outside, tie_break=None):
    score = np.r_[inside, outside].astype(float)
    index = np.arange(len(score))
    return Scored(score, index < len(inside), index, index, tie_break)


def weighed(e, **policy):
    return weigh(Evidence((e,)), Policy(**policy))


def by_metric(e, **policy):
    return {estimate.metric: estimate for estimate in weighed(e, **policy)}


def test_rates_by_hand():
    """Of ten members seven lie above every stranger; of a thousand strangers one lies above two more, and a thousand
    of them allow none above the threshold at 0.1 %, whose false positive rate is then 1 / 1001 on average.
    """
    inside = np.r_[np.full(7, 5.0), np.full(2, 2.0), 0.0]
    outside = np.r_[3.0, np.linspace(-1, 1, 999)]
    found = by_metric(evidence(inside, outside))
    assert found["tpr_at_fpr_0.001"].value == pytest.approx(0.7)
    assert found["tpr_at_fpr_0.01"].value == pytest.approx(0.9)
    details = {d.name: d.value for d in found["tpr_at_fpr_0.001"].details}
    assert details["fpr_reached"] == pytest.approx(1 / 1001)
    assert details["ppv_at_prior_0.5"] == pytest.approx(0.7 / (0.7 + 1 / 1001))
    assert details["ppv_at_prior_0.01"] == pytest.approx(0.007 / (0.007 + 0.99 / 1001))


def test_too_few_strangers_is_not_measurable():
    found = by_metric(evidence(np.arange(50) + 30, np.arange(50)))
    assert found["tpr_at_fpr_0.01"].value is None
    assert "needs at least 99 non-members, there are 50" in found["tpr_at_fpr_0.01"].unmeasurable
    assert found["tpr_at_fpr_0.1"].value is not None


def test_scores_too_coarse_are_not_measurable_rather_than_interpolated():
    found = by_metric(evidence(np.ones(500), np.r_[np.ones(250), np.zeros(750)]))
    assert "lowest false positive rate is 25 %" in found["tpr_at_fpr_0.01"].unmeasurable


def test_a_perfect_attack():
    found = by_metric(evidence(np.full(1000, 2.0), np.linspace(0, 1, 1000)))
    assert found["auc"].value == 1.0 and 0.99 < found["auc"].low < 1.0
    assert found["balanced_accuracy"].value == 1.0
    top = next(d.value for d in found["epsilon"].details if d.name == "ceiling")
    assert found["epsilon"].value == pytest.approx(top)


def test_equal_scores_measure_nothing():
    found = by_metric(evidence(np.ones(100), np.ones(100)))
    assert found["auc"].value == 0.5 and found["auc"].low < 0.47 and found["auc"].high > 0.53
    assert found["epsilon"].value == 0.0


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=40),
    st.lists(st.integers(0, 9), min_size=2, max_size=40),
)
def test_invariants(inside, outside):
    e = evidence(np.array(inside), np.array(outside))
    flipped = Scored(-e.score, e.exposed, e.unit, e.trial)
    curve = roc(e)
    for estimate in weighed(e):
        if estimate.value is not None:
            assert estimate.low <= estimate.value + 1e-12
            assert estimate.high is None or estimate.value <= estimate.high + 1e-12
    assert by_metric(e)["auc"].value == pytest.approx(1 - by_metric(flipped)["auc"].value)
    assert epsilon_lower_bound(curve, 1e-5, 0.05) <= ceiling(len(inside), len(outside), 1e-5, 0.05) + 1e-12
    assert at_fpr(curve, 0.3).fpr.value <= 0.3
    assert 1 - at_fnr(curve, 0.3).tpr.value <= 0.3 + 1e-12
    shuffled = np.random.default_rng(0).permutation(len(e.score))
    again = Scored(e.score[shuffled], e.exposed[shuffled], e.unit, e.trial)
    assert by_metric(again)["auc"].value == pytest.approx(by_metric(e)["auc"].value)


def test_a_monotone_transform_changes_nothing_but_balanced_accuracys_split():
    rng = np.random.default_rng(0)
    e = evidence(rng.normal(0.4, 1, 300), rng.normal(0, 1, 300))
    moved = Scored(np.exp(e.score), e.exposed, e.unit, e.trial)
    for a, b in zip(weighed(e), weighed(moved), strict=True):
        assert (a.value, a.low, a.high) == (b.value, b.low, b.high)


def test_all_metrics_are_there_once():
    names = [estimate.metric for estimate in weighed(evidence([1, 2], [0, 1]))]
    assert sorted(names) == sorted(of_trials(Trials.SCORED))


def test_power_is_what_simulation_gives():
    """At the advantage called detectable, about 80 % of audits of this size reject."""
    rng = np.random.default_rng(2)
    n, threshold = 400, 0.05
    advantage = detectable_auc(n, n, threshold, 0.05)
    from scipy import stats

    shift = stats.norm.ppf((1 + advantage) / 2) * np.sqrt(2)
    hits = [
        auc(evidence(rng.normal(shift, 1, n), rng.normal(0, 1, n))).p_above((1 + threshold) / 2) <= 0.05
        for _ in range(300)
    ]
    assert 0.72 <= np.mean(hits) <= 0.88


def test_curves_are_drawn_at_real_thresholds_only():
    rng = np.random.default_rng(1)
    e = evidence(rng.normal(1, 1, 200), rng.normal(0, 1, 1000))
    fpr, tpr, low, high = (np.array(v) for v in roc_band(e, 0.95))
    assert (np.abs(fpr * 1000 - np.round(fpr * 1000)) < 1e-3).all()
    assert (low <= tpr).all() and (tpr <= high).all() and (np.diff(fpr) > 0).all()
    _, inside, outside = histogram(e)
    assert sum(inside) == pytest.approx(1, abs=1e-4) and sum(outside) == pytest.approx(1, abs=1e-4)


def test_the_whole_curve_lies_within_the_band():
    """In all but 5 % of the draws, also where it is steep; one point alone would be told more narrowly."""
    rng, outside = np.random.default_rng(3), 0
    for _ in range(150):
        e = evidence(rng.normal(1.5, 1, 150), rng.normal(0, 1, 300))
        fpr, _, low, high = (np.array(v) for v in roc_band(e, 0.95))
        truth = special.ndtr(special.ndtri(np.minimum(fpr, 1 - 1e-12)) + 1.5)
        outside += bool(((truth < low) | (truth > high)).any())
    assert outside <= 13  # 7.5 are allowed on average, and fewer are expected
    assert (high - low).min() < 0.4
