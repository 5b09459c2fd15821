"""divulge.testing: sound extensions pass, and each fault that a check is for is seen."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from divulge import testing
from divulge.attacks.membership.scores.loss import Loss
from divulge.defenses.interface.rounding import Rounding
from divulge.plugin import (
    Access,
    Asset,
    Card,
    DataKind,
    Family,
    FunctionTarget,
    MembershipGuess,
    Metric,
    Needs,
    Section,
    TargetKind,
    Trials,
)
from divulge.stats.auc import auc

PLUGIN = Path(__file__).parent.parent / "plugin"
CARD = Card("mine", "Mine", Family.MEMBERSHIP, Asset.MEMBERSHIP, "none", "none", "for tests", Needs(Access.SCORES))
VISITS = [("arrive", "pay"), ("arrive",), ("talk", "leave"), ("arrive", "pay")]


@pytest.fixture(scope="module")
def visits():
    """The modules of the package that the tests install, imported from its source."""
    sys.path.insert(0, str(PLUGIN))
    try:
        import divulge_visits
        from divulge_visits import answered_label, attempts, capped, labels_inferred, lookup
        from divulge_visits import visits as kind

        _ = answered_label, attempts, capped, labels_inferred, lookup, kind
        yield divulge_visits
    finally:
        sys.path.remove(str(PLUGIN))


def attacking(score):
    @dataclass(frozen=True)
    class Mine:
        card: ClassVar[Card] = CARD

        def run(self, view):
            return MembershipGuess(score(view))

    return Mine()


def test_a_leaky_model_is_told_from_a_null_model():
    member, y = np.arange(200) % 2 == 0, np.arange(200) % 2
    areas = []
    for model in (testing.leaky_model(member, y), testing.null_model(200)):
        guess = testing.Toy(testing.records_of(200, y), model, [], np.zeros((0, 200), dtype=bool)).guess("loss")
        scores = guess.scores
        areas.append((scores[member][:, None] > scores[~member][None]).mean())
    assert areas[0] > 0.95 and 0.35 < areas[1] < 0.65


def test_an_oracle_grants_what_a_card_needs():
    seen = testing.oracle(testing.null_model(10), "label-only", Access.LABEL)
    records = testing.records_of(10, np.zeros(10, dtype=int))
    assert seen.labels(records).shape == (10,) and seen.queries == 10 and Access.SCORES not in seen.ports


def test_a_sound_attack_passes_and_says_what_it_measured():
    measured = testing.check_attack(Loss())
    assert measured.fired and auc(measured.evidence["target"].scored).value > 0.6


def test_an_attack_that_finds_nothing_fails_its_positive_control():
    with pytest.raises(AssertionError, match="overfitted on purpose"):
        testing.check_attack(attacking(lambda view: view.rng.normal(size=len(view.candidates))))


def test_an_attack_that_finds_what_is_not_there_fails_its_negative_control():
    model, (members, nonmembers, population) = testing.memorizing()
    shifted = (members[0] + 20.0, members[1])
    with pytest.raises(AssertionError, match="never saw the members: auc 1"):
        testing.check_attack(
            attacking(lambda view: view.candidates.x.mean(axis=1)), model=model, sets=[shifted, nonmembers, population]
        )


def test_an_attack_that_ignores_its_seed_is_seen():
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="equal seeds give unequal figures"):
        testing.check_attack(attacking(lambda view: rng.normal(size=len(view.candidates))))


def test_a_card_without_a_paper_is_seen():
    broken = attacking(None)
    type(broken).card = replace(CARD, paper="")
    with pytest.raises(AssertionError, match="lacks a title"):
        testing.check_attack(broken)


# Targets

ANSWERS = np.log(np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9]]))


class Sound:
    """A target by hand."""

    name, task = "sound", FunctionTarget(len).task
    offers = frozenset({Access.LABEL, Access.TOPK, Access.SCORES})

    def answer(self, access, records):
        scores = ANSWERS[records.x[:, 0].astype(int)]
        return scores if access is Access.SCORES else scores.argmax(axis=1)

    def fingerprint(self):
        return "sound"


def target_with(**changes):
    return type("Changed", (Sound,), changes)()


FAULTS = {
    "is not closed": {"offers": frozenset({Access.SCORES})},
    "fingerprint changes": {"fingerprint": lambda self, seen=[]: seen.append(1) or str(len(seen))},
    "no log-probabilities": {"answer": lambda self, a, r: 2 * Sound().answer(a, r) if a is Access.SCORES else r.y},
    "not the class of the highest": {
        "answer": lambda self, a, r: Sound().answer(a, r) if a is Access.SCORES else 1 - Sound().answer(a, r)
    },
    "depend on what else": {"answer": lambda self, a, r: Sound().answer(a, r.take(np.arange(len(r))[::-1]))},
    "labels have shape": {"answer": lambda self, a, r: Sound().answer(Access.SCORES, r)},
}


def test_a_sound_target_passes():
    testing.check_target(Sound(), testing.records_of(4, np.array([0, 1, 0, 1])))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_target_is_seen(fault):
    with pytest.raises(AssertionError, match=fault):
        testing.check_target(target_with(**FAULTS[fault]), testing.records_of(4, np.array([0, 1, 0, 1])))


def test_a_target_kind(visits):
    kind, model = visits.lookup.KIND, visits.lookup.Lookup({"arrive pay": 1, "arrive": 0}, 2)
    from divulge.core.records import concat
    from divulge.data.arrays import from_arrays

    sets = from_arrays([(np.array(VISITS, dtype=object), np.array([0, 1, 1, 0]))], classes=[0, 1])
    testing.check_target_kind(kind, model, concat(sets))
    with pytest.raises(AssertionError, match="claims a FunctionTarget"):
        testing.check_target_kind(TargetKind("all", lambda model: True, kind.adapt), model, concat(sets))


# The other kinds


def test_a_data_kind(visits):
    testing.check_data_kind(visits.visits.KIND, VISITS)


DATA_FAULTS = {
    "claims str records": {"recognizes": lambda x: isinstance(x, list)},
    "do not tell records apart": {"contents": lambda x: ["same"] * len(x)},
    "other records than": {"take": lambda x, index: [x[int(i)] for i in sorted(index)]},
    "changes the records or their order": {"joined": lambda parts: [r for part in parts[::-1] for r in part]},
    "depend on the others": {"features": lambda x: np.arange(len(x))[:, None]},
}


@pytest.mark.parametrize("fault", DATA_FAULTS)
def test_a_fault_of_a_data_kind_is_seen(visits, fault):
    broken: DataKind = replace(visits.visits.KIND, **DATA_FAULTS[fault])
    with pytest.raises(AssertionError, match=fault):
        testing.check_data_kind(broken, VISITS)


def test_defences(visits):
    testing.check_defense(visits.capped.Capped())
    testing.check_defense(Rounding())


@dataclass(frozen=True)
class Broken:
    kind: str
    card: ClassVar = replace(Rounding.card, name="broken", keeps_label=True)

    def alter(self, log_scores, keys):
        if self.kind == "turned":
            return log_scores[:, ::-1]
        if self.kind == "random":
            return log_scores[:, np.random.default_rng().permutation(log_scores.shape[1])]
        return log_scores + 5


@pytest.mark.parametrize(
    ("kind", "fault"), [("turned", "keeps the label"), ("random", "unequal answers"), ("more", "log-scores above 0")]
)
def test_a_fault_of_a_defence_is_seen(kind, fault):
    scores = np.log(np.random.default_rng(0).dirichlet(np.ones(30), 20))
    with pytest.raises(AssertionError, match=fault):
        testing.check_defense(Broken(kind), scores)


def test_a_metric(visits):
    testing.check_metric(visits.labels_inferred.METRIC)
    with pytest.raises(AssertionError, match="'auc' is taken"):
        testing.check_metric(Metric("auc", Family.PROPERTY, "mine", Trials.PAIRED, 0.1))


def test_a_section(visits):
    result = testing.example_result()
    testing.check_section(visits.attempts.SECTION, result)
    empty: Section = replace(visits.attempts.SECTION, template="  ")
    with pytest.raises(AssertionError, match="draws nothing"):
        testing.check_section(empty, result)
    with pytest.raises(AssertionError, match="does not apply"):
        testing.check_section(replace(empty, applies=lambda result: False), result)


def test_a_package_that_announces_nothing_is_said_so():
    with pytest.raises(AssertionError, match="no-such-package announces nothing"):
        testing.check_package("no-such-package")
