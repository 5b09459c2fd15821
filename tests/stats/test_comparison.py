"""Two sets of scores compared: known answers, no alarm where nothing differs, and one where something does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import divulge
from divulge.core.results.estimate import Rate
from divulge.core.results.metric import FALSE_POSITIVE_RATES
from divulge.core.results.trials import Counted, Exact, Paired, Scored
from divulge.stats.comparison.areas import auc_difference, balanced_accuracy_difference
from divulge.stats.comparison.bands import roc_difference
from divulge.stats.comparison.gains import counted_difference, exact_difference, paired_difference
from divulge.stats.comparison.linked import linked
from divulge.stats.comparison.rates import (
    allowed_above,
    common_threshold,
    enough_others,
    fisher,
    mcnemar,
    needed_above,
    tpr_difference,
)
from divulge.stats.many.multiplicity import holm


def scored(score, exposed):
    index = np.arange(len(score))
    return Scored(np.asarray(score, dtype=float), np.asarray(exposed), index, index)


def twins(rng, n, shifts, correlation, everybody=True):
    """Two sets of scores of n members and n others, whose members lie higher by `shifts`."""
    exposed = np.arange(2 * n) < n
    common = np.sqrt(correlation) * rng.normal(size=2 * n)
    pair = [common + np.sqrt(1 - correlation) * rng.normal(size=2 * n) + shift * exposed for shift in shifts]
    records = np.arange(2 * n) if everybody else np.full(2 * n, -1)
    return linked(scored(pair[0], exposed), scored(pair[1], exposed), records)


def delong(first, second, exposed):
    """Areas and the variance of their difference by the formulas of the paper, pair by pair (section 3)."""
    tens, ones, areas = [], [], []
    for score in (first, second):
        x, y = score[exposed], score[~exposed]
        wins = (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])
        tens.append(wins.mean(axis=1))
        ones.append(wins.mean(axis=0))
        areas.append(wins.mean())
    s = np.cov(tens) / exposed.sum() + np.cov(ones) / (~exposed).sum()
    return areas, s[0, 0] + s[1, 1] - 2 * s[0, 1]


@pytest.mark.parametrize("ties", [False, True])
def test_the_paired_variance_is_that_of_delong(ties):
    rng = np.random.default_rng(0)
    exposed = np.arange(90) < 40
    first, second = rng.normal(size=90) + exposed, rng.normal(size=90) + exposed
    if ties:
        first, second = np.round(first), np.round(second)
    areas, variance = delong(first, second, exposed)
    found = auc_difference(linked(scored(first, exposed), scored(second, exposed), np.arange(90)))
    unseen = sum((max(a, 1 - a) / n) ** 2 for a in areas for n in (40, 50))
    assert (found.before, found.now) == pytest.approx(areas)
    low, high = found.bounds(2 * stats.t.sf(1, 1e9))
    assert ((high - low) / 2) ** 2 == pytest.approx(
        variance + unseen, rel=0.05
    )  # a little wider: few degrees of freedom
    assert ((high - low) / 2) ** 2 > variance + unseen
    assert found.method.endswith("paired") and found.matched == found.of == 90


def test_records_that_one_run_alone_has_count_as_independent():
    rng = np.random.default_rng(1)
    exposed = np.arange(600) < 300
    common = rng.normal(size=600)
    first, second = (scored(0.95 * common + 0.3 * rng.normal(size=600) + exposed, exposed) for _ in range(2))
    half = np.where(np.arange(600) % 2, np.arange(600), -1)
    widths = []
    for records in (np.arange(600), half, np.full(600, -1)):
        low, high = auc_difference(linked(first, second, records)).bounds(0.05)
        widths.append(high - low)
    assert widths[0] < widths[1] < widths[2]
    assert widths[1] ** 2 == pytest.approx((widths[0] ** 2 + widths[2] ** 2) / 2, rel=0.1)


def test_the_order_of_a_table_does_not_matter():
    rng = np.random.default_rng(2)
    pair = twins(rng, 50, (1.0, 1.4), 0.5)
    order = rng.permutation(100)
    mixed = scored(pair.now.score[order], pair.now.exposed[order])
    found, again = auc_difference(pair), auc_difference(linked(pair.before, mixed, order))
    assert again.p_more == pytest.approx(found.p_more) and again.value == pytest.approx(found.value)
    turned = auc_difference(pair.turned())
    assert turned.p_less == pytest.approx(found.p_more) and turned.value == pytest.approx(-found.value)


def test_persons_are_paired_by_their_records():
    exposed = np.repeat([True, False], 4)
    before = Scored(np.arange(8.0), exposed, np.repeat([5, 6, 7, 8], 2), np.arange(8))
    now = Scored(np.arange(8.0)[::-1], exposed[::-1], np.repeat([3, 2, 1, 0], 2), np.arange(8))
    pair = linked(before, now, np.arange(8)[::-1])
    assert pair.matched == 4 and (pair.before.unit[pair.partner] == [8, 7, 6, 5]).all()
    shared = linked(before, now, np.array([7, 5, 4, 3, 2, 1, 0, -1]))  # somebody's records are those of two persons
    assert shared.matched < 4


def test_one_record_is_not_two():
    side = scored([1, 2, 3, 4], [True, True, False, False])
    with pytest.raises(divulge.InputError, match="two records"):
        linked(side, side, np.array([0, 0, 1, 2]))


def test_mcnemar_as_published():
    """Fagerland, Lydersen and Laake 2013, airway hyper-responsiveness: 7 and 1 discordant, p = 0.0703, mid-p 0.0391."""
    exact, mid = mcnemar(7, 1)
    assert 2 * exact == pytest.approx(0.0703, abs=5e-5) and 2 * mid == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar(0, 0)[0] == 1.0


def test_fisher_is_that_of_the_library():
    assert fisher(Rate(9, 12), Rate(3, 14)) == pytest.approx(stats.fisher_exact([[9, 3], [3, 11]], "greater").pvalue)


def test_thresholds_are_as_sure_as_they_say():
    """The false positive rate above the k-th highest of n is Beta distributed: drawn, and counted."""
    rng = np.random.default_rng(3)
    others = np.sort(rng.random((4000, 400)), axis=1)[:, ::-1]
    k = allowed_above(400, 0.1, 0.05)
    assert np.mean(1 - others[:, k] <= 0.1) > 0.93 and np.mean(1 - others[:, k + 1] <= 0.1) < 0.955
    k = needed_above(400, 0.1, 0.05)
    assert np.mean(1 - others[:, k - 1] >= 0.1) > 0.93 and np.mean(1 - others[:, k - 2] >= 0.1) < 0.955
    enough = enough_others(0.01, 0.05)
    assert allowed_above(enough, 0.01, 0.05) == 0 and allowed_above(enough - 1, 0.01, 0.05) is None


def test_a_common_threshold_counts_who_is_named_there():
    exposed = np.array([True] * 5 + [False] * 10)
    before = np.r_[20, 5, 5, 5, 5, np.arange(10.0)]
    now = np.r_[5, 20, 20, 20, 20, np.arange(10.0)]
    exact, _ = common_threshold(linked(scored(before, exposed), scored(now, exposed), np.arange(15)), 0.1)
    assert exact == pytest.approx(stats.binom.sf(3, 5, 0.5))


def everything(pair):
    found = [auc_difference(pair), balanced_accuracy_difference(pair)]
    return [*found, *(tpr_difference(pair, rate) for rate in FALSE_POSITIVE_RATES)]


@pytest.mark.parametrize(("n", "correlation", "everybody"), [(200, 0.0, False), (300, 0.9, True), (12, 0.5, True)])
def test_equal_models_are_called_worse_in_at_most_a_twentieth(n, correlation, everybody):
    rng = np.random.default_rng(4)
    alarms = sum(
        min(holm([d.p_more for d in everything(twins(rng, n, (1, 1), correlation, everybody))])) <= 0.05
        for _ in range(60)
    )
    assert alarms <= 6  # of 60 at 5 %: more in 2 % of the cases


def test_a_growth_of_five_points_is_found():
    rng = np.random.default_rng(5)
    found = [everything(twins(rng, 500, (1, 1.235), 0.9)) for _ in range(20)]
    assert sum(min(holm([d.p_more for d in each])) <= 0.05 for each in found) >= 19
    assert all(d[0].bounds(0.01).low < 0.05 < d[0].bounds(0.01).high for d in found)


def test_more_named_at_a_low_rate_is_found_by_its_rate():
    """A tenth of the members stands out altogether, which moves the AUC little."""
    rng = np.random.default_rng(6)
    pair = twins(rng, 2000, (0, 0), 0.5)
    score = pair.now.score + 10 * (np.arange(4000) < 200)
    found = tpr_difference(replace(pair, now=replace(pair.now, score=score)), 0.01)
    low, high = found.bounds(0.05)
    assert found.p_more < 1e-6 and 0 < low < found.value < high
    assert tpr_difference(pair, 0.001).p_more == 1.0  # too few others to say anything at 0.1 %


def test_rates_at_thresholds_that_are_estimates_are_held_by_their_bounds():
    rng = np.random.default_rng(7)
    truth = stats.norm.sf(stats.norm.isf(0.1) - 1.3) - stats.norm.sf(stats.norm.isf(0.1) - 1.0)
    inside = 0
    for number in range(40):
        low, high = tpr_difference(twins(rng, 300, (1.0, 1.3), 0.5, bool(number % 2)), 0.1).bounds(0.05)
        inside += low <= truth <= high
    assert inside >= 38


def test_few_members_that_are_all_alike_are_no_proof():
    exposed = np.array([True] * 5 + [False] * 2000)
    others = np.random.default_rng(8).normal(size=2000)
    pair = linked(scored(np.r_[[0.0] * 5, others], exposed), scored(np.r_[[0.5] * 5, others], exposed), np.arange(2005))
    assert auc_difference(pair).p_more > 0.05


def test_a_band_of_the_difference_holds_it_everywhere():
    rng = np.random.default_rng(9)
    inside = 0
    for _ in range(12):
        band = roc_difference(twins(rng, 200, (1.0, 1.6), 0.7), 0.95)
        truth = stats.norm.sf(stats.norm.isf(band.fpr) - 1.6) - stats.norm.sf(stats.norm.isf(band.fpr) - 1.0)
        inside += bool(((band.low <= truth) & (truth <= band.high)).all())
        assert (band.low <= band.difference).all() and (band.difference <= band.high).all()
    assert inside >= 11


def test_what_is_gained_is_compared_unit_by_unit_where_the_units_are_the_same():
    rng = np.random.default_rng(10)
    blind = tuple(float(v) for v in rng.random(200) < 0.5)
    hits = rng.random(200) < 0.6
    before = Paired("records_rebuilt", tuple(map(float, hits)), blind, tuple(range(200)))
    now = replace(before, hits=tuple(map(float, hits | (rng.random(200) < 0.3))))
    apart = replace(now, units=tuple(range(200, 400)))
    same, other = paired_difference(before, now), paired_difference(before, apart)
    assert same.value == pytest.approx(other.value) and same.p_more < other.p_more
    change = np.array(now.hits) - np.array(before.hits)
    assert same.p_more == pytest.approx(stats.ttest_1samp(change, 0, alternative="greater").pvalue, rel=1.0)
    assert "unit by unit" in same.method and "independent" in other.method


def test_agreement_of_copies_is_compared_as_two_samples():
    before, now = Counted("fidelity", 500, 100, 50, 350), Counted("fidelity", 500, 200, 50, 250)
    found = counted_difference(before, now)
    arms = [np.repeat([1, 0, -1], [c.copy_only, c.both + c.neither, c.baseline_only]) for c in (before, now)]
    assert found.value == pytest.approx(0.1)
    assert found.p_more == pytest.approx(stats.ttest_ind(arms[1], arms[0], alternative="greater").pvalue, rel=0.1)


def test_secrets_that_can_be_guessed_are_compared_by_fisher():
    before, now = (Exact("hyperparameters_recovered", 6, r, 0.1, chance=(0.5,) * 6) for r in (1, 5))
    assert exact_difference(before, now).p_more == pytest.approx(fisher(Rate(5, 6), Rate(1, 6)))
    parameters = [Exact("parameters_recovered", 100, r, 0.1) for r in (10, 20)]
    assert exact_difference(*parameters).p_more == 0.0 and exact_difference(*parameters[::-1]).p_more == 1.0
