"""The gradient model, without a network: what the watch would have seen of a Gaussian mechanism on Poisson samples."""

from __future__ import annotations

import numpy as np
import pytest

from divulge.claims.dp_training import _bounds
from divulge.claims.dp_watch import StepsSeen, whole_run
from divulge.core.results.trials import Scored
from divulge.defenses.accounting import epsilon_of
from divulge.stats.privacy.gaussian import mu_lower_bound
from divulge.stats.roc import roc

RATE, STEPS, RECORDS, DELTA = 0.25, 100, 800, 1e-5


def steps_seen(noise, canaries=4000, seed=0):
    rng = np.random.default_rng(seed)
    seen = StepsSeen(RECORDS, rng)
    seen.norm, seen.inside = 1.0, rng.random(canaries) < 0.5
    for _ in range(STEPS):
        there = seen.inside & (rng.random(canaries) < RATE)
        seen.sampled.append(there)
        seen.told.append(there + noise * rng.normal(size=canaries))
        seen.noise.append(noise * rng.normal(size=64))
        seen.sizes.append(int(rng.binomial(RECORDS, RATE)))
    return seen


@pytest.mark.parametrize(("noise", "about"), [(9.5, 1.0), (2.9, 4.0), (1.5, 10.0)])
def test_single_steps_come_within_a_tenth_of_the_accountant(noise, about):
    """Nasr et al. 2023: with every noisy gradient in sight the bound is nearly the epsilon that is claimed."""
    truth = epsilon_of(noise, DELTA, RATE, STEPS)
    whole, by_step = _bounds(steps_seen(noise, 12_000 if about < 2 else 4_000), truth, DELTA, 0.95, RATE)
    assert truth == pytest.approx(about, rel=0.1)
    assert 0.9 * truth < by_step <= truth
    assert whole.epsilon <= whole.epsilon_if_both <= truth


def test_the_likelihood_ratio_tells_more_than_the_sum():
    """With little noise a canary is seen in the steps that it is in, and their sum adds up the noise of all others."""

    def mu(score, seen):
        places = np.arange(len(score))
        return mu_lower_bound(roc(Scored(score, seen.inside, places, places)), 0.05)

    seen = steps_seen(0.5, canaries=1000)
    seen.told, seen.sampled = seen.told[:8], seen.sampled[:8]
    seen.inside = np.any(seen.sampled, axis=0) | (seen.inside & (np.arange(1000) < 50))
    assert mu(whole_run(seen), seen) > 1.1 * mu(np.sum(seen.told, axis=0), seen)


def test_without_sampling_the_sum_is_the_likelihood_ratio():
    seen = steps_seen(1.0, canaries=20)
    seen.sizes = [RECORDS] * STEPS
    assert np.array_equal(whole_run(seen), np.sum(seen.told, axis=0))
