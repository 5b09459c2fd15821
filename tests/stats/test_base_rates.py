"""How likely a named record is a member, when the share of members is not known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import divulge
from divulge.core.results.estimate import Rate
from divulge.stats.forecast.base_rates import BaseRate, ppv, predictive_value


def test_bayes_rule_by_hand():
    """Of 1000, 10 are members; 5 of them and 9.9 others are named."""
    assert ppv(0.01, 0.5, 0.01) == pytest.approx(5 / 14.9)
    assert ppv(0.0, 0.5, 0.01) == 0.0 and ppv(0.5, 0.0, 0.0) == 0.0


def test_a_range_holds_every_prior_in_it_as_often_as_promised():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        tpr, fpr = Rate(int(rng.binomial(300, 0.2)), 300), Rate(int(rng.binomial(500, 0.02)), 500)
        found = predictive_value(tpr, fpr, BaseRate(0.05, 0.2))
        inside += all(found.low <= ppv(p, 0.2, 0.02) <= found.high for p in (0.05, 0.1, 0.2))
    assert inside >= 0.95 * 300


def test_a_wider_prior_gives_a_wider_interval():
    rates = Rate(60, 300), Rate(10, 500)
    narrow, wide = (predictive_value(*rates, p) for p in (BaseRate(0.1, 0.1), BaseRate(0.01, 0.5)))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_a_beta_prior_is_integrated():
    """With rates that are as good as known only the prior is uncertain, whose quantiles are known."""
    found = predictive_value(Rate(200_000, 1_000_000), Rate(20_000, 1_000_000), BaseRate(a=2, b=50))
    ends = [ppv(float(q), 0.2, 0.02) for q in stats.beta(2, 50).ppf((0.025, 0.5, 0.975))]
    assert (found.low, found.value, found.high) == pytest.approx(ends, abs=0.02)


@pytest.mark.parametrize("text", ["x", "0.5:0.1", "2", "beta:1", "beta:0,1", "beta:-1,2", "nan"])
def test_priors_that_are_none(text):
    with pytest.raises(divulge.InputError, match=r"0\.1|beta|positive"):
        BaseRate.of(text)


def test_priors_as_they_are_written():
    assert BaseRate.of("0.01:0.1") == BaseRate(0.01, 0.1) and BaseRate.of("0.1") == BaseRate(0.1, 0.1)
    assert str(BaseRate.of("beta:2,50")) == "Beta(2, 50)" and str(BaseRate.of("0.01:0.1")) == "0.01 to 0.1"
