"""Copies, singling out, linkability and inference from a release, beside what the package anonymeter finds."""

from __future__ import annotations

import numpy as np
import pytest

import divulge
from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.errors import AccessDenied, Impossible, InputError
from divulge.core.game import Arm
from divulge.core.results.estimate import Rate
from divulge.core.results.finding import Verdict
from divulge.core.results.metric import ATTRIBUTE_DEDUCED, RECORDS_LINKED, ROWS_COPIED, ROWS_NEARLY_COPIED, SINGLED_OUT
from divulge.core.threat import PRESETS, Access
from divulge.core.views.release import Predicate, PredicatesGuess, ReleaseView
from divulge.games.control_models import ControlModels
from divulge.games.release import ReleaseGame, asked_columns, holds
from divulge.setup.sources.records_from import records_from
from divulge.setup.sources.targets_from import target_from
from divulge.stats.paired import residual_risk, weigh_paired
from tests.attacks.release_tables import people, tables

from divulge.core.results.policy import Policy  # isort: skip

ANONYMETER = {
    0.5: {
        "singling_out_univariate": (0.459, 0.413, 0.505),
        "singling_out": (0.063, 0.0, 0.137),
        "linkability": (0.0380, 0.0196, 0.0564),
        "age": (0.0842, 0.0424, 0.1261),
        "town": (0.1023, 0.0483, 0.1564),
        "owns": (0.0766, 0.0, 0.2033),
        "children": (0.0050, 0.0, 0.0667),
    },
    0.0: {
        "singling_out_univariate": (0.0, 0.0, 0.0171),
        "singling_out": (0.0, 0.0, 0.0177),
        "linkability": (0.0, 0.0, 0.0078),
        "age": (0.0, 0.0, 0.0332),
        "town": (0.0072, 0.0, 0.0632),
        "owns": (0.0207, 0.0, 0.1478),
        "children": (0.0, 0.0, 0.0269),
    },
}
"""Risk and 95 % interval of anonymeter 1.1.0 on these very tables: 500 attacks each, predicates of three columns, the
same two parts, one neighbour, all other columns known; days as numbers where half is copied.
"""


def played(name, share, count=500, seed=0, **settings):
    members, others, release = tables(share, count, seed)
    target = target_from(release)
    sets = records_from(target, members, others)
    chosen = attack(name, **settings)
    beside = ControlModels(None, sets.members, None, 0)
    game = ReleaseGame(chosen.card.challenge, target, sets.members, sets.nonmembers, None, 0, beside)
    (dealt,) = game.deal(Arm.TARGET)
    oracle = GrantedOracle(target, PRESETS["synthetic-data"], Access.SAMPLES)
    view = dealt.open(oracle, chosen.card, None, np.random.default_rng(0))
    return dealt.judge(chosen.run(view)), view, dealt


def risks(evidence, name):
    estimates = [weigh_paired(trial, (), Policy()) for trial in evidence.paired]
    return {e.about or name: next(d for d in e.details if d.name == "residual risk") for e in estimates}


def test_the_residual_risk_is_that_of_the_package():
    """78 of 500 members and 39 of 500 others, as anonymeter 1.1.0 has it."""
    risk = residual_risk(Rate(78, 500), Rate(39, 500))
    assert (risk.value, risk.low, risk.high) == pytest.approx((0.084248, 0.042387, 0.126108), abs=1e-6)
    nothing = residual_risk(Rate(3, 500), Rate(40, 500))
    assert nothing.value == nothing.low == 0.0 == nothing.high


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("name", ["singling_out", "singling_out_univariate", "linkability", "attribute_deduction"])
def test_risks_agree_with_those_of_the_package(name, share):
    evidence, *_ = played(name, share)
    known = ANONYMETER[share]
    found = {about: risk for about, risk in risks(evidence, name).items() if about in known}
    assert found, "something is compared"
    for about, risk in found.items():
        value, low, high = known[about]
        assert risk.low <= value <= risk.high or low <= risk.value <= high, (about, risk, known[about])


def test_copies_are_counted_to_the_letter():
    """Half of the rows are real ones whose `kind` or `children` changed: one in fifteen did not."""
    evidence, *_ = played("copied_rows", 0.5)
    exact, near = evidence.paired
    assert (exact.metric, near.metric) == (ROWS_COPIED, ROWS_NEARLY_COPIED)
    assert exact.value == pytest.approx(0.5 / 15, abs=0.025) and exact.chance == 0.0 and near.value >= exact.value
    assert "0 of as many rows that were not trained on" in evidence.notes[0]
    nothing, *_ = played("copied_rows", 0.0)
    assert nothing.paired[0].value == 0.0


def test_a_predicate_by_hand():
    x = np.array([[20, 0.0], [30, 1.0], [40, np.nan]])
    assert holds(Predicate((0, 1), (">", "="), (30, 1.0)), x).tolist() == [False, True, False]
    assert holds(Predicate((1,), ("=",), (float("nan"),)), x).tolist() == [False, False, True]
    assert holds(Predicate((0,), ("<",), (30,)), x).tolist() == [True, True, False]


def test_predicates_that_hold_of_one_count_and_no_others():
    _, _, dealt = played("singling_out", 0.5, 60)
    members = records_from(target_from(tables(0.5, 60)[2]), *tables(0.5, 60)[:2]).members
    oldest = float(members.x[:, 0].max())
    guess = PredicatesGuess((Predicate((0,), (">",), (oldest + 100,)), Predicate((0,), (">",), (-1.0,))))
    assert dealt.judge(guess).paired[0].hits == (0.0, 0.0)
    with pytest.raises(Impossible, match="singles a row out"):
        dealt.judge(PredicatesGuess(()))


def test_the_parts_of_people_do_not_stand_in_one_order():
    _, view, _ = played("linkability", 0.5, 80)
    parts = view.halves((0,), (1,))
    assert (parts.first.x[:, 1:] == 0).all() and (parts.second.x[:, 0] == 0).all()
    whole = view.halves((0,), (0,))
    assert not np.array_equal(whole.first.x[:, 0], whole.second.x[:, 0])
    assert sorted(whole.first.x[:, 0]) == sorted(whole.second.x[:, 0])
    hidden = view.known(2)
    assert (hidden.x[:, 2] == 0).all() and hidden.x[:, 0].any()
    with pytest.raises(AccessDenied):
        ReleaseView(view.target, view.schema, 1, view.rng, attack("copied_rows").card.needs).known(1)


def test_columns_of_the_parts_are_chosen():
    evidence, *_ = played("linkability", 0.5, 100, first=("age", "pay"))
    assert evidence.notes == ("the parts were: age, pay; town, kind, born, owns, children",)
    with pytest.raises(InputError, match="both parts"):
        played("linkability", 0.5, 40, first=("age",), second=("age",))


def test_sensitive_columns_are_asked_about_or_those_that_are_hard_to_guess():
    members, others, release = tables(0.5, 60)
    records = records_from(target_from(release), members, others).members
    assert records.schema.position("owns") in asked_columns(records)
    assert asked_columns(type(records)(records.x, records.y, records.schema.marked(["town"]))) == (2,)


def test_an_audit_says_what_leaks_and_its_controls_hold(tmp_path):
    members, others, release = tables(0.9, 150)
    run = divulge.audit(
        release, members, others, people(300, np.random.default_rng(5)), families=["reconstruction"], out=tmp_path / "r"
    )
    found = {f.key: f for f in run.findings if not f.about}
    assert run.verdict is Verdict.LEAK and {SINGLED_OUT, RECORDS_LINKED} <= set(found)
    copied = found[ROWS_NEARLY_COPIED]
    assert copied.positive_control == pytest.approx(1 - (1 - 1 / 150) ** 150, abs=0.1) and copied.control == 0.0
    told = [f for f in run.findings if f.key == ATTRIBUTE_DEDUCED]
    assert {f.about for f in told} >= {"town", "kind"} and all(f.control is not None for f in told)
