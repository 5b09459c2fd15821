"""Statistics of rows that belong together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.stats.auc import auc
from divulge.stats.curves import histogram, roc_band
from divulge.stats.scored import weigh_scored


def obuchowski(score, exposed, unit):
    """Formulas of the paper, pair by pair."""
    x, y = score[exposed], score[~exposed]
    wins = (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])
    area = wins.mean()
    tenths, ones = wins.mean(axis=1), wins.mean(axis=0)
    units = np.unique(unit)
    a = np.array([(tenths[unit[exposed] == u] - area).sum() for u in units])
    b = np.array([(ones[unit[~exposed] == u] - area).sum() for u in units])
    n1, n0 = (len(np.unique(unit[side])) for side in (exposed, ~exposed))
    m, n, both = exposed.sum(), (~exposed).sum(), len(units)
    s10 = n1 / ((n1 - 1) * m) * (a**2).sum()
    s01 = n0 / ((n0 - 1) * n) * (b**2).sum()
    s11 = both / (both - 1) * (a * b).sum()
    return area, s10 / m + s01 / n + 2 * s11 / (m * n)


@given(seed=st.integers(0, 10_000), mixed=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_variance_by_clusters_is_that_of_the_paper(seed, mixed):
    rng = np.random.default_rng(seed)
    unit = np.sort(rng.integers(0, 12, 60))
    exposed = rng.random(60) < 0.5 if mixed else unit < 6
    score = rng.integers(0, 8, 60) + unit % 5
    found = auc(Scored(score.astype(float), exposed, unit, np.arange(60)))
    area, variance = obuchowski(score, exposed, unit)
    assert found.value == pytest.approx(area, abs=1e-12)
    assert found.variance == pytest.approx(max(variance, 0), abs=1e-12)


def drawn(rng, persons, rows, shift=0.0):
    """Scores of persons with correlated rows (0.8), the first half of them exposed."""
    unit = np.repeat(np.arange(2 * persons), rows)
    exposed = unit < persons
    own = rng.normal(size=2 * persons)
    score = np.sqrt(0.8) * own[unit] + np.sqrt(0.2) * rng.normal(size=len(unit)) + shift * exposed
    return Scored(score, exposed, unit, np.arange(len(unit)))


@pytest.mark.parametrize(("persons", "rows"), [(12, 5), (30, 20)])
def test_intervals_of_rows_and_of_persons_hold_the_truth(persons, rows):
    rng = np.random.default_rng(0)
    inside = np.zeros((300, 3))
    for number in range(300):
        evidence = drawn(rng, persons, rows)
        as_if = Scored(evidence.score, evidence.exposed, evidence.trial, evidence.trial)
        for place, area in enumerate((auc(evidence), auc(evidence.by_unit()), auc(as_if))):
            low, high = area.interval(0.05)
            inside[number, place] = low <= 0.5 <= high
    clusters, by_person, rows_alone = inside.mean(axis=0)
    assert clusters >= 0.91 and by_person >= 0.91  # three standard errors below 0.95
    assert rows_alone < 0.75  # what is claimed where nobody knows whose the rows are


def test_no_metric_of_persons_without_a_difference_is_a_leak():
    rng = np.random.default_rng(1)
    policy = Policy(thresholds={})
    rejected = [
        min(e.p_value for e in weigh_scored(drawn(rng, 20, 10), policy) if e.p_value is not None) <= 0.05 / 4
        for _ in range(60)
    ]
    assert np.mean(rejected) <= 0.08


def test_metrics_are_those_of_persons_and_the_auc_of_rows_stands_beside():
    evidence = drawn(np.random.default_rng(2), 40, 5, shift=1.0)
    found = {e.metric: e for e in weigh_scored(evidence, Policy())}
    expected = {e.metric: e for e in weigh_scored(evidence.by_unit(), Policy())}
    assert {e.unit for e in found.values()} == {"person"} and {e.unit for e in expected.values()} == {"record"}
    for metric, estimate in expected.items():
        assert (found[metric].value, found[metric].low, found[metric].p_value) == (
            estimate.value,
            estimate.low,
            estimate.p_value,
        )
    (rows,) = [d for d in found["auc"].details if d.name == "auc_of_rows"]
    assert (rows.value, rows.low, rows.high) == (auc(evidence).value, *auc(evidence).interval(0.05))
    reason = found["tpr_at_fpr_0.01"].unmeasurable
    assert reason == "a false positive rate of 1.0 % needs at least 99 persons among the non-members, there are 40"


def test_curves_are_those_of_persons():
    evidence = drawn(np.random.default_rng(3), 30, 4)
    assert roc_band(evidence, 0.95) == roc_band(evidence.by_unit(), 0.95)
    assert histogram(evidence) == histogram(evidence.by_unit())
