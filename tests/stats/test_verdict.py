from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from divulge.auditing.run_attack import broken
from divulge.core.results.estimate import Estimate
from divulge.core.results.finding import Measurement, Reading, Verdict
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.stats.auc import auc
from divulge.stats.verdict import blind_alarm_of, reversed_attacks, settle, tainted_attacks

BASE = Measurement(
    attack="loss", game="membership", asset="membership", access="scores", metric="auc", value=0.7, low=0.65, high=0.75,
    confidence=0.95, chance=0.5, baseline=0.5, control=0.5, positive_control=0.9, advantage=0.4, advantage_low=0.3,
    power=0.1, threshold=0.05, p_value=1e-6, queries=1, models_trained=0, seconds=0.0, seed=0, paper="yeom2018",
)  # fmt: skip


def test_a_clear_advantage_is_a_leak():
    (finding,) = settle([BASE], Policy(), None)
    assert finding.verdict is Verdict.LEAK and finding.p_adjusted == pytest.approx(1e-6)


def test_holm_shares_the_error_among_all_findings():
    many = [replace(BASE, p_value=0.01)] + [replace(BASE, p_value=0.9)] * 9
    assert settle(many, Policy(), None)[0].verdict is Verdict.NOT_FOUND
    assert settle(many[:2], Policy(), None)[0].verdict is Verdict.LEAK


def test_a_ranking_that_two_attacks_arrive_at_is_one_test():
    """Said of the attack, and borne out by its figures: with other figures it is a test of its own."""
    first, second = replace(BASE, attack="rmia", p_value=0.03), replace(BASE, attack="informia", p_value=0.03)
    once = replace(second, ranks_as="rmia")
    assert [f.p_adjusted for f in settle([first, once], Policy(), None)] == [0.03, 0.03]
    odd = ({"value": 0.71}, {"ranks_as": "lira"}, {"metric": "epsilon"})
    for other in (second, *(replace(once, **figures) for figures in odd)):
        assert settle([first, other], Policy(), None)[0].p_adjusted == pytest.approx(0.06)
    three = settle([first, once, replace(BASE, p_value=0.04)], Policy(), None)
    assert [f.p_adjusted for f in three] == pytest.approx([0.06, 0.06, 0.06])


def test_an_advantage_that_the_control_has_too_is_no_leak():
    (finding,) = settle([replace(BASE, control=0.66)], Policy(), None)
    assert finding.verdict is Verdict.NOT_FOUND


def test_an_alarm_or_a_tainted_attack_makes_findings_invalid():
    assert settle([BASE], Policy(), "the sets differ")[0].verdict is Verdict.INVALID
    assert settle([BASE], Policy(), None, frozenset({"loss"}))[0].verdict is Verdict.INVALID


def test_what_cannot_be_measured_stays_so_under_an_alarm():
    nothing = replace(BASE, p_value=None, value=None, unmeasurable="too few")
    finding = settle([nothing], Policy(), "the sets differ")[0]
    assert (finding.verdict, finding.reason) == (Verdict.NOT_MEASURABLE, "too few")


def test_the_alarm_needs_an_interval_above_chance():
    assert blind_alarm_of(Reading(0.53, 0.499, 0.56)) is None
    assert "draw them at random from one set" in blind_alarm_of(Reading(0.6, 0.55, 0.65))


def test_tainted_attacks_are_corrected_for_how_many_there_are():
    assert tainted_attacks([("a", 0.03), ("b", 0.9)], 0.05) == frozenset()
    assert tainted_attacks([("a", 0.0003), ("b", 0.9)], 0.05) == frozenset({"a"})
    assert tainted_attacks([], 0.05) == frozenset()


def test_a_fault_of_the_audit_makes_every_finding_invalid():
    nothing = replace(BASE, p_value=None, value=None, game="extraction", unmeasurable="too few")
    found = settle([BASE, nothing], Policy(), None, faults=["the labels are permuted", "answers differ"])
    assert [f.verdict for f in found] == [Verdict.INVALID] * 2
    assert found[1].reason == "the labels are permuted; answers differ"


def test_what_even_a_perfect_attack_could_not_have_shown_is_not_measurable():
    few = replace(BASE, p_value=0.2, attainable=0.3, enough="at least 9 members and as many non-members")
    (finding,) = settle([few], Policy(), None)
    assert finding.verdict is Verdict.NOT_MEASURABLE and "it takes at least 9 members" in finding.reason
    many = [replace(BASE, p_value=1e-9, attainable=0.02), *[replace(BASE, attainable=0.02)] * 2]
    assert settle(many, Policy(), None)[0].verdict is Verdict.NOT_MEASURABLE  # 3 x 0.02 is above 0.05


def test_what_would_have_been_missed_is_no_all_clear():
    blind = replace(BASE, p_value=0.9, power=1.0, high=0.99)
    assert settle([blind], Policy(), None)[0].verdict is Verdict.NOT_MEASURABLE
    assert settle([replace(blind, power=0.4)], Policy(), None)[0].verdict is Verdict.NOT_FOUND
    within = replace(blind, high=0.52)  # an advantage of 0.04 at most, and 0.05 is tolerated
    assert settle([within], Policy(), None)[0].verdict is Verdict.NOT_FOUND


def test_where_everything_is_tolerated_nothing_can_be_too_much():
    copy = replace(BASE, game="extraction", metric="fidelity", value=0.99, low=0.9, high=1.0, p_value=1.0)
    for tolerated, verdict in ((1.0, Verdict.NOT_FOUND), (0.9, Verdict.NOT_MEASURABLE)):
        found = settle([replace(copy, threshold=tolerated, attainable=1.0)], Policy(), None)
        assert found[0].verdict is verdict


def test_an_attack_below_chance_is_a_fault_of_the_audit():
    low = replace(BASE, value=0.33, low=0.28, high=0.39, p_value=1.0, p_below=1e-6)
    other = replace(low, metric="epsilon", p_below=None, p_value=0.9)
    calm = replace(BASE, attack="lira", p_value=0.9, p_below=0.4)
    found = settle([low, other, calm], Policy(), None)
    assert [f.verdict for f in found] == [Verdict.INVALID, Verdict.INVALID, Verdict.NOT_FOUND]
    assert found[1].reason.startswith(
        "the attack is right significantly less often than chance (AUC 0.33, 0.28 to 0.39)"
    )
    assert "order of the classes" in found[0].reason


def test_being_below_chance_is_corrected_for_how_often_one_looks():
    low = replace(BASE, p_value=1.0, p_below=0.004)
    assert settle([low], Policy(), None)[0].verdict is Verdict.INVALID
    rest = [replace(BASE, attack=f"a{i}", p_value=1.0, p_below=0.5) for i in range(3)]
    assert settle([low, *rest], Policy(), None)[0].verdict is Verdict.NOT_FOUND


def test_a_control_below_chance_taints_as_well():
    assert tainted_attacks([("a", 0.9)], 0.05, [("a", 1e-5)]) == frozenset({"a"})
    assert tainted_attacks([("a", 0.9)], 0.05, [("a", 0.02)]) == frozenset()


@pytest.mark.parametrize("size", [6, 40])
def test_null_audits_are_hardly_ever_called_reversed(size):
    """150 audits of three attacks that know nothing: one in a hundred at most may be called a fault, on average."""
    rng, wrong = np.random.default_rng(size), 0
    member, place = np.arange(2 * size) < size, np.arange(2 * size)
    for _ in range(150):
        findings = []
        for attack in ("a", "b", "c"):
            area = auc(Scored(rng.normal(size=2 * size).round(1), member, place, place))
            findings.append(replace(BASE, attack=attack, p_value=1.0, p_below=area.p_below(0.5)))
        wrong += bool(reversed_attacks(findings))
    assert wrong <= 6  # 1.5 are expected at most; more than 6 would happen once in a thousand times


def test_the_reason_of_a_leak_states_the_corrected_bound():
    (found,) = settle([replace(BASE, advantage_corrected=0.21)], Policy(), None)
    assert found.reason == "the advantage is at least 21 % (corrected for all tests), above 5.0 %"
    (close,) = settle([replace(BASE, advantage_corrected=0.04)], Policy(), None)  # Holm asks less of the first of many
    assert close.reason == "the advantage is above 5.0 % (corrected for all tests)"
    epsilon = replace(BASE, metric="epsilon", value=2.0, advantage_corrected=float(np.tanh(0.75)), threshold=0.1)
    assert "below 1.50 could" in settle([epsilon], Policy(), None)[0].reason


@pytest.mark.parametrize(
    ("game", "metric", "enough", "little", "seen"),
    [
        ("membership", "auc", 0.7, 0.92, ("70 %", "92 %")),
        ("property", "property_told", 0.3, 0.46, ("80 %", "96 %")),  # of games, half of which are right by lot
    ],
)
def test_an_audit_that_would_miss_nearly_everything_has_not_looked(game, metric, enough, little, seen):
    quiet = replace(
        BASE, game=game, metric=metric, advantage=0.1, advantage_low=0.0, high=0.7, p_value=0.5, p_below=None
    )
    (looked,) = settle([replace(quiet, power=enough)], Policy(), None)
    (missed,) = settle([replace(quiet, power=little)], Policy(), None)
    assert looked.verdict is Verdict.NOT_FOUND and seen[0] in looked.reason
    assert missed.verdict is Verdict.NOT_MEASURABLE and f"{seen[1]}" in missed.reason and "only" in missed.reason


TOLD = replace(
    BASE, game="property", asset="property", metric="property_told", about="", p_value=0.06, advantage=0.35, power=0.4,
    value=0.85, low=0.65, high=0.96, threshold=0.1, attainable=1e-8, control=None,
    enough="38 trained models instead of 30",
)  # fmt: skip


def test_a_property_told_in_most_games_is_not_measurable_where_the_interval_is_wide():
    """85 % of 30 games is no evidence that nothing leaks: 96 % is not excluded, and 90 % are needed to be seen."""
    (wide,) = settle([TOLD], Policy(), None)
    assert wide.verdict is Verdict.NOT_MEASURABLE
    assert "right in 90 % of games" in wide.reason and "up to 96 % is not excluded" in wide.reason
    assert wide.reason.endswith("it takes 38 trained models instead of 30")
    (looked,) = settle([replace(TOLD, value=0.5, low=0.4, high=0.6, p_value=0.9, power=0.3)], Policy(), None)
    assert looked.verdict is Verdict.NOT_FOUND
    assert looked.reason == (
        "an attack that is right in 80 % of games or more would probably have been seen, "
        "and one that is right in up to 60 % is not excluded"
    )
    (few,) = settle([replace(TOLD, value=0.5, low=0.3, high=0.7, p_value=0.9, power=0.44)], Policy(), None)
    assert few.verdict is Verdict.NOT_MEASURABLE and "too few trials (trained models)" in few.reason


def test_a_positive_control_that_is_always_wrong_is_broken():
    quiet = replace(TOLD, value=0.5, low=0.4, high=0.6, p_value=0.9, power=0.3)
    estimate = Estimate("property_told", 0.0, 0.0, 0.26, 0.95, 0.5)
    assert "reaches 0.00, where guessing reaches 0.50" in broken(estimate)
    assert broken(replace(estimate, value=0.4, high=0.6)) == broken(replace(estimate, value=0.9, high=1.0)) == ""
    (finding,) = settle([replace(quiet, broken_control=broken(estimate))], Policy(), None)
    assert finding.verdict is Verdict.NOT_MEASURABLE and "positive control is broken" in finding.reason
    (leak,) = settle([replace(BASE, broken_control="broken")], Policy(), None)
    assert leak.verdict is Verdict.LEAK  # it is evidence against silence alone


def test_a_doubt_makes_silence_no_evidence_and_leaves_what_was_found():
    quiet = replace(BASE, p_value=0.9, high=0.55, power=0.1)
    silent, leak, trained = settle(
        [quiet, BASE, replace(TOLD, p_value=0.9, power=0.3, high=0.6)], Policy(), None, doubts=["x"]
    )
    assert (silent.verdict, silent.reason) == (Verdict.NOT_MEASURABLE, "x")
    assert leak.verdict is Verdict.LEAK and trained.verdict is Verdict.NOT_FOUND


@pytest.mark.parametrize(
    ("regression", "likely"), [(True, "their sign or their scale"), (False, "order of the classes")]
)
def test_what_is_likely_below_chance_depends_on_the_task(regression, likely):
    below = replace(BASE, value=0.3, low=0.2, high=0.4, p_value=1.0, p_below=1e-6)
    (finding,) = settle([below], Policy(), None, regression=regression)
    assert finding.verdict is Verdict.INVALID and likely in finding.reason


def test_a_slight_success_on_the_control_accuses_nobody_and_is_no_fault_where_nothing_is_found():
    leak, quiet = settle(
        [BASE, replace(BASE, attack="entropy", value=0.51, low=0.46, p_value=0.6)],
        Policy(),
        None,
        suspected=frozenset({BASE.attack, "entropy"}),
    )
    assert leak.verdict is Verdict.INVALID and "never saw these records" in leak.reason
    assert quiet.verdict is Verdict.NOT_FOUND
