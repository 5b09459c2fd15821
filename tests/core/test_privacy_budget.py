"""An epsilon, a noise and a delta that cannot be are refused with the cure, wherever they are taken."""

from __future__ import annotations

import warnings

import pytest

import divulge
from divulge.core.errors import Notice
from divulge.core.privacy_budget import check_delta, check_epsilon, check_noise, warn_of_delta
from divulge.setup.comparison import MatrixPlan
from divulge.setup.parts import ComparePart

NO_NUMBER = [0.0, -1.0, float("nan"), float("inf")]


@pytest.mark.parametrize("value", NO_NUMBER)
def test_what_no_mechanism_has_is_refused_with_the_cure(value):
    with pytest.raises(divulge.InputError, match=r"here: an epsilon of .* above 0 and finite, 1 or 8 say"):
        check_epsilon("here", value)
    with pytest.raises(divulge.InputError, match="without noise epsilon is infinite"):
        check_noise("here", value)
    with pytest.raises(divulge.InputError, match="tuned"):
        MatrixPlan(None, None, None, compare=ComparePart(tuned=[value]))


@pytest.mark.parametrize("value", [1.0, -1e-9, 2.0, float("nan")])
def test_a_delta_is_a_probability_below_one(value):
    with pytest.raises(divulge.InputError, match="1e-5 say"):
        check_delta("here", value, zero=True)
    with pytest.raises(divulge.InputError):
        divulge.Policy(delta=value)


def test_what_can_be_passes():
    check_epsilon("here", 1e-3)
    check_epsilon("here", None)
    check_noise("here", 0.5)
    check_delta("here", 0.0, zero=True)
    with pytest.raises(divulge.InputError):
        check_delta("here", 0.0)


def test_a_delta_of_one_record_is_said():
    with pytest.warns(Notice, match="above 1 / 100 records: giving away one record whole would satisfy it; take 1e-03"):
        warn_of_delta("here", 0.02, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_delta("here", 0.01, 100)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_threshold_that_nothing_exceeds_is_no_policy(value):
    with pytest.raises(divulge.InputError, match="tolerates nothing or everything"):
        divulge.Policy(thresholds={"epsilon": value})


def test_no_threshold_is_not_a_number():
    with pytest.raises(divulge.InputError, match=r"policy.thresholds.auc is nan"):
        divulge.Policy(thresholds={"auc": float("nan")})
