"""Bounds under a Gaussian trade-off: closed forms, never above the truth, never above what the sample can show."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from divulge.core.errors import InputError
from divulge.core.results.trials import Scored
from divulge.stats.exchange import one_run_epsilon
from divulge.stats.privacy.epsilon import epsilon_lower_bound
from divulge.stats.privacy.gaussian import ceiling_mu, epsilon_of, mu_lower_bound, one_run_mu
from divulge.stats.roc import roc


def test_epsilon_of_a_gaussian_mechanism():
    """At mu = 1 and delta = 1e-5 epsilon is 4.38 (Dong et al. 2022; the classical table of Gaussian DP)."""
    assert epsilon_of(1.0, 1e-5) == pytest.approx(4.377, abs=0.002)
    for mu in (0.3, 1.0, 3.0):
        e = epsilon_of(mu, 1e-6)
        delta = stats.norm.cdf(-e / mu + mu / 2) - np.exp(e) * stats.norm.cdf(-e / mu - mu / 2)
        assert delta == pytest.approx(1e-6, rel=1e-3)
    assert epsilon_of(0.0, 1e-5) == 0 and epsilon_of(1.0, 0.0) == np.inf


def drawn(rng, mu, n=2000):
    index = np.arange(n)
    return Scored(rng.normal(size=n) + mu * (index % 2), index % 2 == 1, index, index)


def test_the_bound_on_mu_holds_and_is_tighter_than_the_general_one():
    rng = np.random.default_rng(0)
    curves = [roc(drawn(rng, 1.0)) for _ in range(200)]
    found = np.array([mu_lower_bound(c, 0.05) for c in curves])
    assert (found > 1.0).mean() <= 0.05 and np.median(found) > 0.6
    general = np.array([epsilon_lower_bound(c, 1e-5, 0.05) for c in curves])
    assert np.median([epsilon_of(m, 1e-5) for m in found]) > 1.5 * np.median(general)


def test_no_evidence_shows_more_than_its_ceiling():
    index = np.arange(200)
    perfect = Scored((index % 2).astype(float), index % 2 == 1, index, index)
    assert mu_lower_bound(roc(perfect), 0.05) == pytest.approx(ceiling_mu(100, 100, 0.05))
    assert mu_lower_bound(roc(drawn(np.random.default_rng(1), 0.0)), 0.05) == 0


def one_run(rng, mu, canaries, guesses):
    """Right guesses when each canary's score is a unit Gaussian, mu higher where it is in."""
    inside = rng.random(canaries) < 0.5
    score = rng.normal(size=canaries) + mu * inside
    order = np.argsort(score)
    k = guesses // 2
    return int(inside[order[-k:]].sum() + (~inside[order[:k]]).sum())


@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0])
def test_one_run_bounds_hold_and_the_gaussian_one_is_tighter(mu):
    rng = np.random.default_rng(2)
    right = [one_run(rng, mu, 1000, 200) for _ in range(100)]
    found = np.array([one_run_mu(r, 200, 0.05, 1000) for r in right])
    assert (found > mu).mean() <= 0.05
    general = np.array([one_run_epsilon(r, 200, 0.05, 1e-5, 1000) for r in right])
    gaussian = np.array([epsilon_of(m, 1e-5) for m in found])
    assert np.median(gaussian) > np.median(general)


def test_one_guess_by_hand():
    """One canary, one right guess, alpha = 1: r_1 = 1, h_0 = Phi(Phi^-1(1) - mu) = 1, and r + h > 1: every mu is
    refuted, since a right guess is never certain.  At alpha = 0.5 guessing by lot does it, so nothing is refuted.
    """
    assert one_run_mu(1, 1, 0.5) == 0.0
    assert one_run_mu(1, 1, 0.9) == pytest.approx(-2 * stats.norm.ppf(0.1), abs=1e-3)


def test_half_right_says_nothing_and_more_right_says_more():
    assert one_run_mu(50, 100, 0.05) == 0
    found = [one_run_mu(r, 100, 0.05) for r in (60, 70, 80, 90, 100)]
    assert found == sorted(found) and found[0] > 0
    with pytest.raises(InputError):
        one_run_mu(11, 10, 0.05)
    with pytest.raises(InputError):
        one_run_mu(5, 10, 0.05, canaries=8)
