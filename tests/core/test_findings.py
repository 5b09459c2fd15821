"""What is measured has no verdict before the correction, and nothing takes it for what has one."""

from __future__ import annotations

from dataclasses import fields

import pytest
from pydantic import TypeAdapter, ValidationError

from divulge.core.errors import InputError
from divulge.core.results.estimate import Detail
from divulge.core.results.finding import Finding, Measurement, Outcome, Played, Verdict
from divulge.core.results.policy import Policy
from divulge.stats.verdict import settle

NUMBERS = {
    "attack": "csmia", "game": "reconstruction", "asset": "attributes", "access": "labels",
    "metric": "attribute_accuracy:sex", "about": "sex", "value": 0.9, "low": 0.8, "high": 0.95, "confidence": 0.95,
    "chance": 0.5, "baseline": 0.5, "control": 0.5, "positive_control": 1.0, "advantage": 0.4, "advantage_low": 0.3,
    "power": 0.1, "threshold": 0.01, "p_value": 1e-6, "queries": 7, "models_trained": 2, "seconds": 0.5, "seed": 3,
    "paper": "mehnaz2022", "standards": ("NISTAML.033",), "details": (Detail("MCC", 0.4),), "attainable": 1e-9,
    "enough": "40 instead of 20", "p_below": 1.0, "unit": "person", "ranks_as": "", "unmeasurable": "",
    "advantage_corrected": 0.25, "bound_to_labels": "", "broken_control": "",
}  # fmt: skip
MEASURED = Measurement(**NUMBERS)


def test_these_are_all_numbers_of_a_measurement():
    assert set(NUMBERS) == {each.name for each in fields(Measurement)}


@pytest.mark.parametrize("name", ["verdict", "reason", "p_adjusted"])
def test_no_verdict_can_be_read_off_a_measurement(name):
    assert not isinstance(MEASURED, Finding) and not hasattr(MEASURED, name)
    with pytest.raises(TypeError, match=name):
        Measurement(**NUMBERS, **{name: None})


def test_a_finding_is_made_by_a_verdict_and_of_the_same_numbers():
    found = MEASURED.judged(Verdict.LEAK, "it is", 0.02)
    assert isinstance(found, Finding) and isinstance(found, Measurement)
    assert (found.verdict, found.reason, found.p_adjusted) == (Verdict.LEAK, "it is", 0.02)
    assert {name: getattr(found, name) for name in NUMBERS} == NUMBERS
    with pytest.raises(TypeError, match="verdict"):
        Finding(**NUMBERS)


def test_fields_are_given_by_name_alone():
    for kind in (Measurement, Finding):
        with pytest.raises(TypeError, match="positional"):
            kind("csmia", "reconstruction")


def test_a_stored_measurement_is_not_read_as_a_finding():
    text = TypeAdapter(Measurement).dump_json(MEASURED)
    assert TypeAdapter(Measurement).validate_json(text) == MEASURED
    with pytest.raises(ValidationError, match="verdict"):
        TypeAdapter(Finding).validate_json(text)
    found = MEASURED.judged(Verdict.LEAK, "it is", 0.02)
    assert TypeAdapter(Finding).validate_json(TypeAdapter(Finding).dump_json(found)) == found


def test_an_outcome_comes_back_with_its_measurements():
    outcome = Outcome("csmia", "CSMIA", "reconstruction", "attributes", "p", Played((MEASURED,)), strength=0.9)
    again = TypeAdapter(Outcome).validate_json(TypeAdapter(Outcome).dump_json(outcome))
    assert again == outcome and type(again.result.measurements[0]) is Measurement


def test_only_the_correction_gives_verdicts():
    """Alone 1e-6 is a leak; what was not measured keeps its reason."""
    missing = Measurement(**NUMBERS | {"p_value": None, "value": None, "unmeasurable": "too few"})
    found, none = settle([MEASURED, missing], Policy(), None)
    assert (found.verdict, found.p_adjusted, found.about) == (Verdict.LEAK, pytest.approx(1e-6), "sex")
    assert (none.verdict, none.reason, none.p_adjusted) == (Verdict.NOT_MEASURABLE, "too few", None)


def test_a_measurement_knows_what_its_metric_is():
    assert MEASURED.kind.label == "attribute inferred correctly" and MEASURED.kind.own_baseline
    with pytest.raises(InputError, match="unknown"):
        _ = Measurement(**NUMBERS | {"metric": "attribute_accuracy:sex", "about": ""}).kind
