"""A member that is named again: without a leak the interval holds what is true of anybody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from divulge.attacks.membership.shadows.learned_ratio import pool_of
from divulge.core.results.estimate import Rate
from divulge.explain.stability import (
    Retrained,
    _named,
    _of_overlapping,
    _ratios,
    drawn_anew,
    stability,
    unlearned,
)
from divulge.stats.intervals import clopper_pearson


def retrained(rng, models, gap, records=800):
    """What a pool names of records of which the first fifth lie `gap` higher where they were seen."""
    seen = rng.random((models, records)) < 0.5
    seen[1::2] = ~seen[0::2]
    signal = rng.normal(0, 2, records) + rng.normal(size=(models, records))
    signal += gap * seen * (np.arange(records) < records // 5)

    def named(saw, values):
        pool = pool_of(values, -np.logaddexp(0, -values), saw)
        return _named([_ratios(pool, model, rng) for model in range(models)], saw, 0.01)

    lots = [drawn_anew(seen, np.arange(records), rng) for _ in range(3)]
    again = tuple(named(saw, unlearned(signal, seen)) for saw in lots)
    return replace(named(seen, signal), unlearned=again)


@pytest.mark.parametrize("models", [8, 16])
def test_without_a_leak_the_interval_holds_how_often_anybody_is_named(models):
    """Though a named record is named again ten times as often: each model is compared with the same others."""
    rng = np.random.default_rng(0)
    told = [stability(retrained(rng, models, 0.0), 0.95) for _ in range(8)]
    assert all(t.low <= t.anybody <= t.high for t in told)
    assert np.mean([t.again for t in told]) > 4 * np.mean([t.anybody for t in told])


def test_with_a_leak_it_lies_above():
    rng = np.random.default_rng(1)
    told = [stability(retrained(rng, 16, 3.0), 0.95) for _ in range(3)]
    assert all(2 * t.anybody < t.low < t.again < t.high for t in told)


def test_trainings_that_overlap_are_worth_less():
    assert _of_overlapping(4, 8, 0.0) == pytest.approx(clopper_pearson(Rate(4, 8), 0.05))
    some = _of_overlapping(4, 8, 0.12)
    assert some.low < _of_overlapping(4, 8, 0.0).low and some.high > _of_overlapping(4, 8, 0.0).high
    assert _of_overlapping(8, 8, 1.0) == pytest.approx(clopper_pearson(Rate(1, 1), 0.05)), "eight alike are one"
    assert _of_overlapping(0, 0, 0.5) == (0.0, 1.0)


def test_what_was_learned_is_taken_out_and_lots_keep_their_design():
    rng = np.random.default_rng(2)
    seen = rng.random((8, 4000)) < 0.5
    seen[1::2] = ~seen[0::2]
    level = unlearned(rng.normal(size=seen.shape) + 5 * seen, seen)
    assert level[seen].mean() == pytest.approx(level[~seen].mean(), abs=0.03)
    assert (level - level.mean(axis=0)).std() == pytest.approx(1, abs=0.03)
    place = np.arange(4000) // 4
    whole = np.repeat(seen[:, ::4], 4, axis=1)
    for design in (whole, whole[:7]):
        anew = drawn_anew(design, place, rng)
        assert (anew.sum(axis=0) == design.sum(axis=0)).all() and (anew != design).any()
        assert (anew[:, ::4] == anew[:, 3::4]).all(), "a person's records stay together"
    assert isinstance(Retrained(seen, seen, 0.01).persistence, float)
