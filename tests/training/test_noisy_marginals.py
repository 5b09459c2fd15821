"""Tables from noisy counts: exact without noise, private with it, and seen through where the noise is too small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from divulge.core.errors import InputError
from divulge.core.results.trials import Scored
from divulge.data.arrays import from_arrays
from divulge.stats.privacy.epsilon import epsilon_lower_bound
from divulge.stats.roc import roc
from divulge.training.recipes.noisy_marginals import Bins, NoisyMarginals, geometric_noise, tree_of


def records_of(*frames):
    return from_arrays([(frame, np.zeros(len(frame))) for frame in frames], labeled=False)


def table(count, seed):
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 3, count)
    two = np.where(rng.random(count) < 0.8, one, rng.integers(0, 3, count))
    return pd.DataFrame({"one": [f"a{k}" for k in one], "free": rng.normal(size=count), "two": [f"b{k}" for k in two]})


def test_the_noise_has_its_law():
    """P(k) = (1 - a) / (1 + a) a^|k| with a = exp(-1 / scale): variance 2 a / (1 - a)^2."""
    noise, a = geometric_noise(2.0, (200_000,), np.random.default_rng(0)), np.exp(-0.5)
    assert noise.mean() == pytest.approx(0, abs=0.02) and noise.var() == pytest.approx(2 * a / (1 - a) ** 2, rel=0.02)
    for k in (0, 1, -3):
        assert (noise == k).mean() == pytest.approx((1 - a) / (1 + a) * a ** abs(k), abs=0.004)


def test_the_tree_joins_columns_that_tell_of_each_other():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 2, 500)
    binned = np.stack([first, rng.integers(0, 2, 500), first, 1 - first], axis=1)
    assert {(0, 2), (0, 3)} <= set(tree_of(binned, [2, 2, 2, 2])) or {(0, 2), (2, 3)} <= set(tree_of(binned, [2] * 4))


def test_bins_by_hand():
    bins = Bins.of(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, np.nan]), 0)
    assert bins.place(np.array([1.0, 8.0, 100.0, np.nan])).tolist() == [0, 7, 7, 8]
    assert bins.drawn(np.array([0, 8]), np.random.default_rng(0))[0] == 1.0
    coded = Bins.of(np.array([2.0, 2.0, 0.0]), 3)
    assert coded.size == 3 and coded.drawn(coded.place(np.array([0.0, 2.0])), np.random.default_rng(0)).tolist() == [
        0,
        2,
    ]


def test_without_noise_pairs_come_out_as_they_went_in():
    real, public = records_of(table(2000, 0), table(500, 1))
    made = NoisyMarginals(real, public, epsilon=1e6).draw(4000, 0)
    pairs = [np.histogram2d(each.x[:, 0], each.x[:, 2], bins=3)[0] / len(each) for each in (made, real)]
    assert np.abs(pairs[0] - pairs[1]).max() < 0.03
    assert list(NoisyMarginals(real, public, 1.0).sample(5, 0).columns) == ["one", "free", "two"]


def exposed(epsilon, runs):
    """The bound that many releases prove, half of which have one record of another kind: the worst case of a column.

    epsilon: of the noise.  What is looked at is one cell's count less the other's.
    """
    frame = pd.DataFrame({"one": ["a", "b", "c"] * 10})
    other = frame.copy()
    other.loc[0, "one"] = "b"
    public, without, replaced = records_of(frame, frame, other)
    counts = [
        np.diff(NoisyMarginals(side, public, epsilon, k).counts[0].sum(axis=1)[:2])[0]
        for k in range(runs)
        for side in (replaced, without)
    ]
    unit = np.arange(2 * runs)
    sign = np.sign(np.diff(np.bincount(public.x[:, 0].astype(int))[:2])[0] + 0.5)
    return epsilon_lower_bound(roc(Scored(sign * np.array(counts), unit % 2 == 0, unit, unit)), 0.0, 0.05)


def test_a_release_leaks_no_more_than_its_epsilon_and_one_with_too_little_noise_is_seen():
    assert 0.4 < exposed(1.0, 1000) <= 1.0
    assert exposed(0.1, 200) <= 0.1
    assert exposed(6.0, 400) > 1.0, "the noise of another epsilon than the one that is claimed"


def test_public_records_alone_decide_on_bins_and_tree():
    """Two tables that differ in one record have the same bins and tree: only counts are private."""
    first = table(200, 0)
    other = first.copy()
    other.loc[0, "one"], other.loc[0, "free"] = "a2", 99.0
    real, changed, public = records_of(first, other, table(200, 1))
    a, b = (NoisyMarginals(each, public, 1e9) for each in (real, changed))
    pairs = list(zip(a._bins, b._bins, strict=True))
    assert a._tree == b._tree and all((x.edges is None) or (x.edges == y.edges).all() for x, y in pairs)
    moved = [np.abs(x - y).sum() for x, y in zip(a.counts, b.counts, strict=True)]
    assert max(moved) <= 2


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan")])
def test_epsilon_must_be_above_nothing(epsilon):
    real, public = records_of(table(20, 0), table(20, 1))
    with pytest.raises(InputError, match="epsilon must be above 0"):
        NoisyMarginals(real, public, epsilon)
    with pytest.raises(InputError, match="public records with the columns"):
        NoisyMarginals(real, replace(public, schema=replace(public.schema, target="z")), 1.0)
