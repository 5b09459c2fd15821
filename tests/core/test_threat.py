from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divulge.catalog.attacks import cards
from divulge.core.threat import (
    PRESETS,
    Access,
    Behaviour,
    Knowledge,
    Needs,
    Phase,
    ThreatModel,
    closure,
    missing,
)


@given(st.sets(st.sampled_from(Access)), st.sets(st.sampled_from(Access)))
def test_closure_is_a_closure(a, b):
    assert set(a) <= closure(a)
    assert closure(closure(a)) == closure(a)
    assert closure(a) <= closure(a | b)


def test_the_lattice_of_answers():
    assert closure({Access.LOGITS}) == {Access.LOGITS, Access.SCORES, Access.TOPK, Access.LABEL}
    assert Access.SCORES not in closure({Access.TOPK})
    assert Access.UPDATES not in closure({Access.PARAMETERS})
    assert {Access.GRADIENTS, Access.EMBEDDINGS, Access.LOGITS} <= closure({Access.PARAMETERS})


@given(
    needs=st.builds(
        Needs,
        access=st.sampled_from(Access),
        knowledge=st.frozensets(st.sampled_from(Knowledge)),
        phase=st.none() | st.sampled_from(Phase),
        behaviour=st.sampled_from(Behaviour),
    ),
    threat=st.builds(
        ThreatModel,
        name=st.just("somebody"),
        adversary=st.just("anybody"),
        access=st.frozensets(st.sampled_from(Access)),
        knowledge=st.frozensets(st.sampled_from(Knowledge)),
        phase=st.sampled_from(Phase),
        behaviour=st.sampled_from(Behaviour),
    ),
)
def test_missing_is_empty_exactly_when_everything_is_granted(needs, threat):
    able = (
        needs.access in closure(threat.access)
        and needs.knowledge <= threat.knowledge
        and needs.phase in (None, threat.phase)
        and (needs.behaviour is Behaviour.PASSIVE or threat.behaviour is Behaviour.ACTIVE)
    )
    assert (missing(needs, threat) == []) == able


def test_missing_says_it_in_plain_words():
    needs = Needs(Access.GRADIENTS, frozenset({Knowledge.MEMBERS}), Phase.TRAINING, Behaviour.ACTIVE)
    assert missing(needs, PRESETS["label-only"]) == [
        "it needs gradients, and the label-only adversary sees only labels",
        "it needs to know some true members, and the label-only adversary does not",
        "it acts while the model is trained, and the label-only adversary acts after the model is deployed",
        "it interferes, and the label-only adversary only looks",
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_card_gets_an_answer_under_every_preset(preset):
    for card in cards():
        lacks = missing(card.needs, PRESETS[preset])
        assert all(isinstance(reason, str) and reason for reason in lacks)


def test_more_access_never_takes_an_attack_away():
    for card in cards():
        if not missing(card.needs, PRESETS["mlaas"]):
            assert not missing(card.needs, PRESETS["published-model"])
