from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import divulge
from divulge.auditing.plan import ports_of
from divulge.catalog.attacks import cards
from divulge.core.threat import (
    PRESETS,
    Access,
    Behavior,
    Knowledge,
    Needs,
    Phase,
    ThreatModel,
    closure,
    missing,
    reach,
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
    assert {Access.GRADIENTS, Access.LOGITS} <= closure({Access.PARAMETERS})


@given(
    needs=st.builds(
        Needs,
        access=st.sampled_from(Access),
        knowledge=st.frozensets(st.sampled_from(Knowledge)),
        phase=st.none() | st.sampled_from(Phase),
        behavior=st.sampled_from(Behavior),
    ),
    threat=st.builds(
        ThreatModel,
        name=st.just("somebody"),
        adversary=st.just("anybody"),
        access=st.frozensets(st.sampled_from(Access)),
        knowledge=st.frozensets(st.sampled_from(Knowledge)),
        phase=st.sampled_from(Phase),
        behavior=st.sampled_from(Behavior),
    ),
)
def test_missing_is_empty_exactly_when_everything_is_granted(needs, threat):
    able = (
        needs.access in reach(threat.access)
        and needs.knowledge - {Knowledge.REFERENCE} <= threat.knowledge
        and needs.phase in (None, threat.phase)
        and (needs.behavior is Behavior.PASSIVE or threat.behavior is Behavior.ACTIVE)
    )
    assert (missing(needs, threat) == []) == able


def test_missing_says_it_in_plain_words():
    needs = Needs(Access.GRADIENTS, frozenset({Knowledge.TRAINING_DATA}), Phase.TRAINING, Behavior.ACTIVE)
    assert missing(needs, PRESETS["label-only"]) == [
        "it needs gradients, and the label-only adversary sees only labels",
        "it needs to know the training data, and the label-only adversary does not",
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


def offered():
    """Ports of a tree, a network and a generator, trained by a recipe, and of published counts."""
    torch = pytest.importorskip("torch")
    from sklearn.tree import DecisionTreeClassifier

    from divulge.setup.sources.targets_from import target_from
    from divulge.targets.count_table import CountTable

    tree = DecisionTreeClassifier(random_state=0).fit(np.arange(20.0)[:, None], np.arange(20) % 2)
    generator = divulge.GeneratorTarget(lambda count, seed: np.zeros((count, 1)))
    counts = CountTable({"town": ["north"], "count": ["1"]})
    targets = [target_from(tree), target_from(torch.nn.Linear(2, 2)), generator, counts]
    return frozenset().union(*(ports_of(target, recipe=object()) for target in targets))


def test_every_port_is_offered_by_some_target_and_granted_by_some_preset():
    of_texts = {Access.TOKEN_LOGPROBS, Access.COMPLETIONS}  # tests/language
    assert offered() == set(Access) - of_texts
    assert reach(port for threat in PRESETS.values() for port in threat.access) == set(Access)


def test_no_preset_grants_a_port_that_no_attack_uses():
    used = {port for card in cards() for port in (card.needs.access, card.uses)}
    for threat in PRESETS.values():
        assert threat.access <= used, threat.name


def test_all_knowledge_is_asked_for_by_some_card_and_had_by_some_adversary():
    assert frozenset().union(*(card.needs.knowledge for card in cards())) == set(Knowledge)
    given = {Knowledge.REFERENCE}  # where there is one, whoever the adversary is
    assert frozenset().union(*(threat.knowledge for threat in PRESETS.values())) == set(Knowledge) - given
