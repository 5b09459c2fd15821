"""A family is `not found` only where the audit can show that it looked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divulge.core.results.finding import Failed, Finding, Outcome, Played, Refused, Verdict
from divulge.core.results.verdicts import family_verdicts, gaps, run_verdict
from divulge.core.threat import Family

BASE = Finding(
    attack="loss", game="membership", asset="membership", access="scores", metric="auc", value=0.52, low=0.49,
    high=0.55, confidence=0.95, chance=0.5, baseline=0.5, control=0.5, positive_control=0.9, advantage=0.04,
    advantage_low=-0.02, power=0.1, threshold=0.05, p_value=0.8, p_adjusted=1.0, verdict=Verdict.NOT_FOUND, reason="",
    queries=1, models_trained=0, seconds=0.0, seed=0, paper="yeom2018",
)  # fmt: skip
STRENGTH = {"loss": 0.7, "lira": 0.9, "rmia": 0.9, "attack_r": 0.5}


def outcome(attack, result, game="membership"):
    return Outcome(attack, attack.upper(), game, game, "paper", result, strength=STRENGTH.get(attack, 0.5))


def played(attack, verdict=Verdict.NOT_FOUND, game="membership", **changes):
    measured = {} if verdict is not Verdict.NOT_MEASURABLE else {"power": None, "reason": "there are too few"}
    found = replace(BASE, attack=attack, game=game, asset=game, verdict=verdict, **{**measured, **changes})
    return outcome(attack, Played((found,)), game)


def failed(attack, game="membership"):
    return outcome(attack, Failed("it broke"), game)


def refused(attack, game="membership"):
    return outcome(attack, Refused("it sees no scores"), game)


def findings(outcomes):
    return [f for o in outcomes if isinstance(o.result, Played) for f in o.result.measurements]


def of(outcomes, family=Family.MEMBERSHIP, left_out=()):
    return family_verdicts(outcomes, findings(outcomes), left_out)[family]


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([played("loss")], Verdict.NOT_FOUND),
        ([played("loss"), refused("lira")], Verdict.NOT_FOUND),
        ([played("loss"), failed("lira")], Verdict.FAILED),
        ([played("lira"), failed("rmia"), failed("attack_r")], Verdict.NOT_FOUND),
        ([played("loss"), failed("attack_r")], Verdict.NOT_FOUND),
        ([played("lira", Verdict.NOT_MEASURABLE), failed("rmia")], Verdict.FAILED),
        ([failed("loss"), failed("lira")], Verdict.FAILED),
        ([failed("loss"), refused("lira")], Verdict.FAILED),
        ([played("attack_r", Verdict.LEAK), failed("lira")], Verdict.LEAK),
        ([played("loss", Verdict.INVALID), played("lira")], Verdict.INVALID),
        ([played("loss", Verdict.NOT_MEASURABLE)], Verdict.NOT_MEASURABLE),
        ([played("loss", power=None)], Verdict.NOT_MEASURABLE),
        ([played("loss", Verdict.NOT_MEASURABLE, metric="classes_recognised")], Verdict.NOT_EXAMINED),
        ([outcome("loss", Played(()))], Verdict.NOT_MEASURABLE),
        ([refused("loss"), refused("lira")], Verdict.NOT_EXAMINED),
        ([], Verdict.NOT_EXAMINED),
    ],
)
def test_the_verdict_of_a_family(outcomes, verdict):
    assert of(outcomes).verdict is verdict
    assert of(outcomes, Family.PROPERTY).verdict is Verdict.NOT_EXAMINED


def test_an_attack_that_failed_is_made_up_for_on_its_own_asset_only():
    """A copy that was not found says nothing of parameters, if the attack on those broke off."""
    tried = [replace(played("lira", game="extraction"), asset="functionality"), failed("loss", "extraction")]
    assert of(tried, Family.EXTRACTION).verdict is Verdict.FAILED
    assert of([tried[0], replace(tried[1], asset="functionality")], Family.EXTRACTION).verdict is Verdict.NOT_FOUND


def test_what_failed_and_what_was_refused_is_counted_and_named():
    told = of([played("loss"), failed("lira"), failed("rmia"), refused("attack_r")], left_out=["membership"])
    assert (told.played, told.failed, told.refused, told.left_out, told.tried) == (1, 2, 1, 1, 3)
    assert told.why == "LIRA failed: it broke"
    assert of([refused("loss")]).why == "it sees no scores"


def test_the_worst_family_gives_the_verdict_of_the_run():
    calm, broke = played("loss"), failed("knockoff", "extraction")
    assert run_verdict(family_verdicts([calm], findings([calm]))) is Verdict.NOT_FOUND
    assert run_verdict(family_verdicts([calm, broke], findings([calm]))) is Verdict.FAILED
    leak = played("copycat", Verdict.LEAK, "extraction")
    assert run_verdict(family_verdicts([leak, failed("loss")], findings([leak]))) is Verdict.LEAK
    assert run_verdict(family_verdicts([], [])) is Verdict.NOT_EXAMINED


def test_a_refused_family_is_a_gap_only_where_it_was_asked_for_or_nothing_else_was_examined():
    tried = [played("loss"), refused("knockoff", "extraction")]
    told = family_verdicts(tried, findings(tried))
    assert gaps(told) == [] and gaps(told, ["membership"]) == []
    assert gaps(told, ["membership", "extraction"]) == ["extraction was not examined: it sees no scores"]
    nothing = family_verdicts([refused("loss")], [])
    assert gaps(nothing) == ["nothing was examined: no attack could run"]
    assert gaps(nothing, ["membership"]) == ["membership was not examined: it sees no scores"]
    late = family_verdicts([played("loss")], findings([played("loss")]), ["extraction"])
    assert gaps(late) == ["extraction was not examined: there was no time for 1 of its attacks"]


made = st.builds(
    lambda kind, attack, game, verdict, power: (
        replace(played(attack, verdict, game), result=Played((replace(
            findings([played(attack, verdict, game)])[0], power=power),)))
        if kind == "played" else failed(attack, game) if kind == "failed" else refused(attack, game)
    ),
    st.sampled_from(["played", "failed", "refused"]),
    st.sampled_from(sorted(STRENGTH)),
    st.sampled_from(["membership", "extraction"]),
    st.sampled_from([Verdict.NOT_FOUND, Verdict.NOT_FOUND, Verdict.LEAK, Verdict.INVALID, Verdict.NOT_MEASURABLE]),
    st.sampled_from([None, 0.1, 0.5]),
)  # fmt: skip


@given(st.lists(made, max_size=8), st.lists(st.sampled_from(["membership", "extraction"]), max_size=2))
def test_no_family_is_not_found_without_an_attack_that_looked(outcomes, left):
    told = family_verdicts(outcomes, findings(outcomes), left)
    for family, verdict in told.items():
        own = [o for o in outcomes if o.game == family.value]
        seen = [f.verdict for f in findings(own)]
        assert (verdict.verdict is Verdict.LEAK) == (Verdict.LEAK in seen)
        if verdict.verdict is Verdict.NOT_FOUND:
            looked = [o for o in own if isinstance(o.result, Played) and o.result.measurements[0].power is not None
                      and o.result.measurements[0].verdict is Verdict.NOT_FOUND]  # fmt: skip
            broken = [STRENGTH[o.attack] for o in own if isinstance(o.result, Failed)]
            assert looked and max(broken, default=0) <= max(STRENGTH[o.attack] for o in looked)
        if own and all(isinstance(o.result, Failed | Refused) for o in own):
            assert verdict.verdict in (Verdict.FAILED, Verdict.NOT_EXAMINED)
    assert run_verdict(told) is not Verdict.NOT_FOUND or not any(v.verdict is Verdict.FAILED for v in told.values())
    assert gaps(told) or run_verdict(told) in (Verdict.NOT_FOUND, Verdict.LEAK)
