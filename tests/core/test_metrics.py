"""The table of metrics is complete, and what a policy tolerates follows from it."""

from __future__ import annotations

import pytest

from divulge.core.errors import InputError
from divulge.core.results import metric as table
from divulge.core.results.metric import (
    FALSE_POSITIVE_RATES,
    METRICS,
    VALUES_COPIED,
    Format,
    Metric,
    Trials,
    metric,
    metrics,
    of_trials,
    rank,
    register,
    tpr_at,
)
from divulge.core.results.policy import DEFAULT_THRESHOLDS, Policy
from divulge.core.threat import Family
from divulge.report.metrics import OF_SECRETS, OF_TEXTS

CLAIMS = of_trials(Trials.OWN)
KEYS = [value for name, value in vars(table).items() if name.isupper() and name != "GROUP" and isinstance(value, str)]


def test_every_key_is_there_once():
    rows = [*table._membership(), *table._extraction(), *table._paired(), *table._claims()]
    assert len({row.key for row in rows}) == len(rows) == len(METRICS)
    assert len(set(KEYS)) == len(KEYS)
    assert set(METRICS) == {*KEYS, *map(tpr_at, FALSE_POSITIVE_RATES)}, "each has a name in the code, and a row"


NOTHING_TOLERATED = (*OF_TEXTS, *OF_SECRETS, "rows_copied", "rows_nearly_copied")
"""One text, secret or copied row more than without the model is one too many, once chance is excluded."""


@pytest.mark.parametrize("key", METRICS)
def test_a_row_says_all_that_is_asked_of_it(key):
    row = metric(key)
    assert row.key == key and key.isascii() and not set(key) & set(" :")
    assert row.label and row.label.strip() == row.label and row.label != key
    assert isinstance(row.format, Format) and (row.family is None) == (key in CLAIMS)
    assert 0 < row.threshold < 1 or key in CLAIMS or (row.threshold == 0 and key in NOTHING_TOLERATED)
    assert row.own_baseline == (row.trials in (Trials.PAIRED, Trials.COUNTED))
    assert (row.fpr is not None) == key.startswith("tpr_at_fpr_")


def test_labels_are_told_apart_within_a_family_and_every_family_has_some():
    labels = [(row.family, row.label) for row in METRICS.values()]
    assert len(set(labels)) == len(labels)
    assert {row.family for row in METRICS.values()} == {*Family, None}


def test_every_metric_is_measured_in_one_way():
    ways = [of_trials(way) for way in Trials]
    assert all(ways) and sorted(key for way in ways for key in way) == sorted(METRICS)
    assert {metric(key).family for key in of_trials(Trials.SCORED)} == {Family.MEMBERSHIP}
    paired = {metric(key).family for key in of_trials(Trials.PAIRED) if key != VALUES_COPIED}
    assert paired == {Family.RECONSTRUCTION, Family.PROPERTY} and metric(VALUES_COPIED).family is Family.EXTRACTION
    assert tpr_at(0.001) == "tpr_at_fpr_0.001" and metric(tpr_at(0.001)).fpr == metric(tpr_at(0.001)).threshold == 0.001


def test_rows_keep_their_order_and_unknown_ones_come_last():
    assert [rank(key) for key in METRICS] == list(range(len(METRICS)))
    assert rank("acu") == len(METRICS)
    with pytest.raises(InputError, match="'acu' is unknown: choose one of auc"):
        metric("acu")


def test_a_metric_of_ones_own_is_added_once(monkeypatch):
    monkeypatch.setattr(table, "_registered", {})
    own = Metric("mine", Family.PROPERTY, "mine told", Trials.PAIRED, 0.2)
    assert register(own) is own and register(own) is own and metric("mine") is own
    assert rank("mine") == len(METRICS) and metrics()["mine"] is own
    assert "mine" not in of_trials(Trials.PAIRED), "how many tests our own games make does not depend on it"
    assert Policy().threshold("mine") == 0.2, "a policy that says nothing of it tolerates what the metric does"
    with pytest.raises(InputError, match="'auc' is registered already"):
        register(Metric("auc", Family.PROPERTY, "another", Trials.PAIRED, 0.2))


# What is tolerated


def test_usual_thresholds_are_those_of_the_table():
    attacks = {key: each.threshold for key, each in METRICS.items() if key not in CLAIMS}
    assert attacks == dict(DEFAULT_THRESHOLDS), "a claim states what it tolerates itself"
    assert all(Policy().threshold(key) == each.threshold for key, each in METRICS.items())


def test_an_attribute_may_have_a_threshold_of_its_own():
    policy = Policy({"attribute_accuracy": 0.2, "attribute_accuracy:sex": 0.01, "property_told:share(a == 1)": 0.6})
    assert policy.threshold("attribute_accuracy", "sex") == 0.01
    assert policy.threshold("attribute_accuracy", "race") == policy.threshold("attribute_accuracy") == 0.2
    assert policy.threshold("property_told", "share(a == 1)") == 0.6
    assert policy.threshold("property_told", "share(a == 2)") == policy.threshold("property_told") == 0.1
    assert policy.threshold("auc") == 0.05, "what a policy says nothing of is the usual"
    assert policy.threshold("acu") == 0.0


def test_a_threshold_of_none_at_all_is_one_too():
    assert Policy({"attribute_accuracy:sex": 0.0}).threshold("attribute_accuracy", "sex") == 0.0
    assert Policy({"attribute_accuracy": 0.0}).threshold("attribute_accuracy", "sex") == 0.0


def test_reasons_are_found_as_thresholds_are():
    policy = Policy(why={"attribute_accuracy": "few know it", "attribute_accuracy:sex": "all see it"})
    assert policy.reason("attribute_accuracy", "sex") == "all see it"
    assert policy.reason("attribute_accuracy", "race") == policy.reason("attribute_accuracy") == "few know it"
    assert policy.reason("auc") == ""
