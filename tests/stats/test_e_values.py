"""Evidence that may be looked at again and again: it pays at most one on average, and large where something leaks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from divulge.core.results.trials import Scored
from divulge.stats.many.e_values import (
    STAKES,
    Look,
    auc_e_value,
    averaged,
    e_process,
    growth_e_value,
    over_time,
)


def scored(score, exposed):
    index = np.arange(len(score))
    return Scored(np.asarray(score, dtype=float), exposed, index, index)


def test_two_coins_by_hand():
    """Heads multiplies by 1 + s, tails by 1 - s, for each stake s."""
    assert e_process(np.array([1.0, 0.0]), 0.5) == pytest.approx([1 + STAKES.mean(), 1 - (STAKES**2).mean()])


def test_a_fair_game_pays_one_on_average_exactly():
    """All sequences of six fair coins."""
    games = [e_process(np.array(coins), 0.5)[-1] for coins in product((0.0, 1.0), repeat=6)]
    assert np.mean(games) == pytest.approx(1.0)


def test_nobody_who_looks_after_every_record_sees_twenty_more_than_once_in_twenty():
    rng = np.random.default_rng(0)
    ever = [e_process((rng.random(400) < 0.5).astype(float), 0.5).max() >= 20 for _ in range(600)]
    assert np.mean(ever) <= 0.05
    uneven = [e_process(rng.beta(0.2, 0.2, 400), 0.5).max() >= 20 for _ in range(300)]
    assert np.mean(uneven) <= 0.05


def test_scores_without_a_leak_pay_little_and_with_one_much():
    rng = np.random.default_rng(1)
    exposed = np.arange(400) < 200
    fair = [auc_e_value(scored(rng.normal(size=400), exposed)) for _ in range(300)]
    assert np.mean(np.array(fair) >= 20) <= 0.05 and np.median(fair) < 1
    leaky = scored(rng.normal(size=400) + exposed, exposed)
    assert auc_e_value(leaky, 0.05) > 1e6
    assert auc_e_value(leaky, 0.7) < 20


def test_the_end_of_the_game_is_that_of_the_process():
    exposed = np.arange(8) < 4
    evidence = scored([9, 8, 7, 6, 1, 2, 3, 4], exposed)  # every pair is won, however they are drawn
    assert auc_e_value(evidence) == pytest.approx(e_process(np.ones(4), 0.5)[-1])


def test_persons_are_counted_once():
    rng = np.random.default_rng(2)
    unit = np.repeat(np.arange(40), 10)
    score = rng.normal(size=40)[unit]
    rows = Scored(score, unit < 20, unit, np.arange(400))
    assert auc_e_value(rows) == pytest.approx(auc_e_value(rows.by_unit()))


def test_growth_is_seen_and_its_absence_is_not():
    rng = np.random.default_rng(3)
    exposed, partner = np.arange(600) < 300, np.arange(600)
    common = rng.normal(size=600)
    first, equal = (scored(common + 0.3 * rng.normal(size=600) + exposed, exposed) for _ in range(2))
    grown = scored(common + 0.3 * rng.normal(size=600) + 1.8 * exposed, exposed)
    assert growth_e_value(first, grown, partner) > 20 > growth_e_value(first, equal, partner)
    assert growth_e_value(first, grown, np.full(600, -1)) == 1.0


def test_attacks_of_one_run_are_averaged():
    assert averaged([1.0, 5.0]) == 3.0 and averaged([]) == 1.0


def test_fresh_records_multiply_and_the_same_ones_are_averaged():
    assert over_time([Look(8.0, 0), Look(8.0, 1)]) == pytest.approx([4.0, 16.0])
    assert over_time([Look(8.0, 0), Look(12.0, 0)]) == pytest.approx([4.0, 6.0])


def test_a_row_of_audits_without_a_leak_is_called_one_at_most_once_in_twenty():
    """Three audits each of the same records by attacks that depend on each other, then fresh records."""
    rng = np.random.default_rng(4)
    exposed, highest = np.arange(60) < 30, []
    for _ in range(100):
        looks = []
        for block in range(4):
            common = rng.normal(size=60)
            looks += [Look(auc_e_value(scored(common + rng.normal(size=60), exposed)), block) for _ in range(3)]
        highest.append(max(over_time(looks)))
    assert np.mean(np.array(highest) >= 20) <= 0.05


def test_a_weak_leak_is_found_in_the_end():
    rng = np.random.default_rng(5)
    exposed = np.arange(400) < 200
    looks = [Look(auc_e_value(scored(rng.normal(size=400) + 0.4 * exposed, exposed)), block) for block in range(8)]
    assert over_time(looks)[-1] > 20
