from __future__ import annotations

from dataclasses import replace

import pytest

from divulge.core.finding import Finding, Reading, Verdict
from divulge.core.policy import Policy
from divulge.stats.verdict import blind_alarm_of, settle, tainted_attacks

BASE = Finding(
    attack="loss", game="membership", asset="membership", access="scores", metric="auc", value=0.7, low=0.65, high=0.75,
    confidence=0.95, chance=0.5, baseline=0.5, control=0.5, positive_control=0.9, advantage=0.4, advantage_low=0.3,
    power=0.1, threshold=0.05, p_value=1e-6, p_adjusted=None, verdict=Verdict.NOT_MEASURABLE, reason="", queries=1,
    models_trained=0, seconds=0.0, seed=0, paper="yeom2018",
)  # fmt: skip


def test_a_clear_advantage_is_a_leak():
    (finding,) = settle([BASE], Policy(), None)
    assert finding.verdict is Verdict.LEAK and finding.p_adjusted == pytest.approx(1e-6)


def test_holm_shares_the_error_among_all_findings():
    many = [replace(BASE, p_value=0.01)] + [replace(BASE, p_value=0.9)] * 9
    assert settle(many, Policy(), None)[0].verdict is Verdict.NOT_FOUND
    assert settle(many[:2], Policy(), None)[0].verdict is Verdict.LEAK


def test_an_advantage_that_the_control_has_too_is_no_leak():
    (finding,) = settle([replace(BASE, control=0.66)], Policy(), None)
    assert finding.verdict is Verdict.NOT_FOUND


def test_an_alarm_or_a_tainted_attack_makes_findings_invalid():
    assert settle([BASE], Policy(), "the sets differ")[0].verdict is Verdict.INVALID
    assert settle([BASE], Policy(), None, frozenset({"loss"}))[0].verdict is Verdict.INVALID


def test_what_cannot_be_measured_stays_so_under_an_alarm():
    nothing = replace(BASE, p_value=None, value=None, reason="too few")
    finding = settle([nothing], Policy(), "the sets differ")[0]
    assert (finding.verdict, finding.reason) == (Verdict.NOT_MEASURABLE, "too few")


def test_the_alarm_needs_an_interval_above_chance():
    assert blind_alarm_of(Reading(0.53, 0.499, 0.56)) is None
    assert "draw them at random from one set" in blind_alarm_of(Reading(0.6, 0.55, 0.65))


def test_tainted_attacks_are_corrected_for_how_many_there_are():
    assert tainted_attacks([("a", 0.03), ("b", 0.9)], Policy()) == frozenset()
    assert tainted_attacks([("a", 0.0003), ("b", 0.9)], Policy()) == frozenset({"a"})
    assert tainted_attacks([], Policy()) == frozenset()
