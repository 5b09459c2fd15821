"""The correction for many findings: what dependence costs, and that it never costs more than Holm's."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divulge.core.results.finding import Measurement, Verdict
from divulge.core.results.metric import AUC, ROWS_COPIED
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.stats.many.familywise import Null, common_level, corrections, is_clear, step_down
from divulge.stats.many.multiplicity import holm
from divulge.stats.many.rerandomized import METRICS, Ranked, Split, log_chances
from divulge.stats.scored import weigh_scored
from divulge.stats.verdict import settle

FOUND = Measurement(
    attack="loss", game="membership", asset="membership", access="scores", metric="auc", value=0.7, low=0.65, high=0.75,
    confidence=0.95, chance=0.5, baseline=0.5, control=0.5, positive_control=0.9, advantage=0.4, advantage_low=0.3,
    power=0.1, threshold=0.05, p_value=1e-6, queries=1, models_trained=0, seconds=0.0, seed=0, paper="yeom2018",
)  # fmt: skip


def chance(columns, draws=999, seed=0, shared=0.0):
    """Uniform p-values by chance, of which `shared` is common to all columns; exactly uniform in each column."""
    rng = np.random.default_rng(seed)
    normal = np.sqrt(1 - shared) * rng.normal(size=(draws, columns)) + np.sqrt(shared) * rng.normal(size=(draws, 1))
    ranks = normal.argsort(axis=0).argsort(axis=0) + 1
    return np.log(ranks / draws)


def of(p_values, drawn, column=None, seen=None):
    column = np.arange(len(p_values)) if column is None else np.asarray(column)
    seen = np.full(drawn.shape[1], -np.inf) if seen is None else seen
    return step_down(np.asarray(p_values, dtype=float), column, Null(drawn, seen))


def test_two_findings_and_four_splits_by_hand():
    """Smallest by chance of both columns: .1 .2 .3 .4; of the second alone: .9 .2 .8 .4."""
    drawn = np.log(np.array([[0.1, 0.9], [0.7, 0.2], [0.3, 0.8], [0.6, 0.4]]))
    assert of([0.15, 0.5], drawn) == pytest.approx([(1 + 1) / 5, (1 + 2) / 5])
    assert of([0.5, 0.15], drawn) == pytest.approx([(1 + 2) / 5, (1 + 1) / 5])


def test_attacks_that_say_the_same_cost_nothing():
    one = chance(1)
    alone = of([0.02], one)[0]
    together = of([0.02] * 20, np.repeat(one, 20, axis=1))
    assert together == pytest.approx([alone] * 20)
    assert alone == pytest.approx(0.02, abs=0.002)
    assert holm([0.02] * 20)[0] == pytest.approx(0.4)


def test_the_same_scores_under_two_names_have_the_p_value_of_one():
    rng = np.random.default_rng(2)
    member = rng.permutation(200) < 100
    ranks = np.argsort(np.argsort(rng.normal(size=200) + 0.5 * member))
    attack = Ranked(ranks, np.arange(200))
    drawn = log_chances(Split(member, np.zeros(200, dtype=int), 0), [attack, attack], 499)
    assert (drawn[0] == drawn[1]).all()
    single = Null(drawn[0][1:], drawn[0][0])
    double = Null(np.hstack(drawn)[1:], np.hstack(drawn)[0])
    p = np.exp(drawn[0][0])
    columns = np.arange(len(METRICS))
    twice = step_down(np.tile(p, 2), np.concatenate([columns, columns + len(METRICS)]), double)
    assert twice == pytest.approx(np.tile(step_down(p, columns, single), 2))


def test_independent_findings_cost_what_sidak_says():
    adjusted = of([0.01, *[0.9] * 9], chance(10, draws=9999))
    assert adjusted[0] == pytest.approx(1 - 0.99**10, abs=0.01)


def test_a_p_value_never_counts_as_less_than_that_of_knowing_nothing():
    """An interval that collapses says 1e-12; the labels drawn anew say 0.4."""
    adjusted = of([1e-12, 0.6], chance(2), seen=np.log([0.4, 0.6]))
    assert adjusted[0] > 0.4


p_lists = st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(p_lists, st.integers(0, 5), st.floats(0, 0.95), st.integers(0, 3))
def test_whatever_the_p_values(p_values, seed, shared, others):
    together = max(0, len(p_values) - others)
    column = np.append(np.arange(together), np.full(len(p_values) - together, -1))
    drawn = chance(max(together, 1), draws=199, seed=seed, shared=shared)[:, :together]
    if not together:
        return
    adjusted = of(p_values, drawn, column)
    assert (adjusted >= np.array(p_values) - 1e-12).all() and (adjusted <= 1).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(adjusted[order]) >= -1e-12).all()
    assert (adjusted <= holm(p_values) + (1 + 1e-9) / 200 + 1e-12).all()  # but for the resolution of the draws
    mixed = np.random.default_rng(seed).permutation(len(p_values))
    assert of(np.array(p_values)[mixed], drawn, column[mixed]) == pytest.approx(adjusted[mixed])


def test_findings_that_cannot_be_drawn_anew_are_paid_for_one_by_one():
    drawn = np.repeat(chance(1), 10, axis=1)
    column = [*range(10), -1, -1]
    adjusted = of([0.001] * 10 + [0.01, 0.02], drawn, column)
    assert adjusted[0] == pytest.approx(0.001 + 2 * 0.001, abs=0.002)  # ten that say the same, and two more
    assert adjusted[10] == pytest.approx(0.02) and adjusted[11] == pytest.approx(0.02)
    assert of([0.01, 0.04], chance(1)[:, :0], [-1, -1]) == pytest.approx(holm([0.01, 0.04]))


def test_the_common_level_lies_between_bonferronis_and_that_of_one_test():
    one = chance(1, draws=1999)
    nobody = np.full(20, -np.inf)
    assert common_level(Null(np.repeat(one, 20, axis=1), nobody), 0, 0.05) == pytest.approx(0.05, abs=0.001)
    independent = common_level(Null(chance(20, draws=9999), nobody), 0, 0.05)
    assert independent == pytest.approx(1 - 0.95 ** (1 / 20), rel=0.15)
    assert common_level(Null(one[:, :0], nobody[:0]), 4, 0.05) == pytest.approx(0.05 / 4)
    assert common_level(Null(np.repeat(one, 20, axis=1), nobody), 4, 0.05) == pytest.approx(0.01, abs=0.001)


def test_draws_end_where_they_decide_nothing_any_more():
    assert is_clear(np.array([0.001, 0.4]), 0.05, 1999) and not is_clear(np.array([0.06]), 0.05, 1999)
    assert is_clear(np.array([0.06]), 0.05, 99_999)


def test_a_claim_is_one_test_and_corrections_name_their_method():
    claim = replace(FOUND, attack="claim", game="claim", metric="epsilon_one_run")
    two = [replace(claim, p_value=0.02), replace(claim, metric="canaries_used", p_value=0.01)]
    found = corrections([*two, replace(FOUND, p_value=0.03)], Null(chance(1), np.array([-np.inf])), [-1, -1, 0])
    assert found[1].adjusted == pytest.approx(0.01 + 0.01, abs=0.002) and found[0].adjusted > found[1].adjusted
    assert {each.method for each in found} == {"max-T over 1 finding, Holm over 1 other"}
    assert corrections([FOUND])[0].method == "Holm over 1 finding"
    assert corrections([replace(FOUND, p_value=None)])[0].adjusted is None


def test_a_verdict_follows_the_correction_and_tells_the_bound_over_all():
    by = replace(corrections([FOUND])[0], low=0.6, advantage_low=0.2)
    (leak,) = settle([FOUND], Policy(), None, corrected=[by])
    assert leak.verdict is Verdict.LEAK and leak.low_all == 0.6 and leak.correction == "Holm over 1 finding"
    assert leak.reason == "the advantage is at least 20 % (95 % over all attacks), above 5.0 %"
    (quiet,) = settle([FOUND], Policy(), None, corrected=[replace(by, adjusted=0.06)])
    assert quiet.verdict is Verdict.NOT_FOUND
    (late,) = settle([FOUND], Policy(), None, corrected=[replace(by, advantage_low=0.04)])
    assert late.reason == "the advantage is above 5.0 % (95 % over all attacks)"
    (alone,) = settle([FOUND], Policy(), None)
    assert alone.reason.endswith("(95 % for this attack alone), above 5.0 %")


def audited(scores, member, draws=199, seed=0):
    """Adjusted p-values of all metrics of some attacks, as an audit of them has them: [attacks, metrics]."""
    places = np.arange(len(member))
    attacks = [Ranked(np.unique(score, return_inverse=True)[1], places) for score in scores]
    drawn = np.hstack(log_chances(Split(member, np.zeros(len(member), dtype=int), seed), attacks, draws))
    found = step_down(np.exp(drawn[0]), np.arange(drawn.shape[1]), Null(drawn[1:], drawn[0]))
    return found.reshape(len(scores), len(METRICS))


def test_where_nothing_leaks_one_audit_in_twenty_errs():
    rng, wrong, audits = np.random.default_rng(21), 0, 100
    for number in range(audits):
        member, shared = rng.permutation(40) < 16, rng.normal(size=40)
        scores = [np.round(shared + 0.5 * rng.normal(size=40), 1) for _ in range(3)]
        wrong += audited(scores, member, 99, number).min() <= 0.05
    assert wrong / audits <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / audits)
    assert wrong > 0  # and the error rate is used


def test_a_leak_is_found_though_twenty_attacks_were_tried():
    rng = np.random.default_rng(22)
    member = rng.permutation(400) < 200
    shared = rng.normal(size=400) + 0.45 * member
    found = audited([shared + 0.1 * rng.normal(size=400) for _ in range(20)], member, 999)
    assert found[:, METRICS.index(AUC)].max() <= 0.05


def test_a_variance_that_collapses_in_a_small_arm_accuses_nobody():
    """Five members, all of them right, as 90 % of 2,000 others are: DeLong's interval says that this is certain."""
    member = np.arange(2005) < 5
    right = np.append(np.ones(5), np.arange(2000) % 10 != 0)
    places = np.arange(2005)
    area = next(e for e in weigh_scored(Scored(right, member, places, places), Policy()) if e.metric == AUC)
    drawn = log_chances(Split(member, np.zeros(2005, dtype=int), 0), [Ranked(right.astype(int), places)], 999)[0]
    adjusted = step_down(np.array([area.p_value]), np.array([0]), Null(drawn[1:], drawn[0]))
    assert adjusted[0] > 0.2


# Copies of rows have a share of the error rate of their own


def copies(p_values, others):
    """Adjusted p-values of copied rows and of other findings of a release."""
    copied = [replace(FOUND, attack="copied_rows", metric=ROWS_COPIED, p_value=p, attainable=1e-9) for p in p_values]
    more = [replace(FOUND, attack=f"a{k}", p_value=p, attainable=1e-9) for k, p in enumerate(others)]
    found = [c.adjusted for c in corrections([*copied, *more])]
    return found[: len(copied)], found[len(copied) :]


def test_eight_copies_of_members_alone_are_a_leak_among_many_tests():
    """2^-8 among 18 tests: 0.07 by Holm's correction, 0.02 at a fifth of the error rate."""
    (copied,), others = copies([2**-8], [0.5] * 17)
    assert copied == pytest.approx(2**-8 / 0.2) and others == [1.0] * 17
    assert holm([2**-8] + [0.5] * 17)[0] > 0.05


def test_a_family_that_is_rejected_hands_its_share_on():
    _, others = copies([1e-6], [0.004, 0.9])
    assert others == pytest.approx([0.008, 0.9])  # Holm's of two at the whole rate
    (copied,), _ = copies([0.04], [1e-6, 1e-5])
    assert copied == pytest.approx(0.04)
    (alone,), _ = copies([0.03], [])
    assert alone == pytest.approx(0.03)


def test_the_error_over_all_findings_is_kept_with_copies_apart():
    """Independent tests where nothing leaks, the copies' exact among them: 5 % of 4,000 releases at most, and so where
    copies are found."""
    rng = np.random.default_rng(0)
    draws = rng.random((4_000, 6))
    wrong = [min(chain(*copies([row[0]], row[1:].tolist()))) <= 0.05 for row in draws]
    assert np.mean(wrong) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 4_000)
    wrong = [min(copies([1e-9], row[1:].tolist())[1]) <= 0.05 for row in draws]
    assert np.mean(wrong) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 4_000)
