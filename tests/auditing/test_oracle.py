"""One question for every port, and the named methods are short for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

import divulge
from divulge.auditing.oracle import WITHOUT_RECORDS, GrantedOracle
from divulge.core.threat import PRESETS, Access, Task, ThreatModel, closure
from divulge.data.arrays import from_arrays

(RECORDS,) = from_arrays([(np.arange(12.0).reshape(6, 2), np.arange(6) % 3)], classes=[0, 1, 2])
EVERYTHING = ThreatModel("all", "anybody", frozenset(Access), frozenset(), top_k=2)


@dataclass
class Ports:
    """Answers each port with numbers of its own, and remembers which it was asked through."""

    offers: frozenset[Access]
    task: Task = Task.CLASSIFICATION
    name: str = "ports"
    asked: list[Access] = field(default_factory=list)

    def answer(self, access, records):
        self.asked.append(access)
        if access is Access.LABEL:
            return records.y
        if access is Access.LEAVES:
            return records.x[:, 0]
        return records.x[:, :1] * np.array([[0.1, -0.3, 0.2]]) + np.eye(3)[records.y]

    def fingerprint(self):
        return "ports"


def oracle(needed, offers=frozenset(Access), threat=EVERYTHING, **how):
    target = Ports(frozenset(offers))
    return GrantedOracle(target, threat, needed, **how), target


@pytest.mark.parametrize(
    ("port", "method"),
    [
        (Access.LABEL, "labels"),
        (Access.SCORES, "log_scores"),
        (Access.LOGITS, "logits"),
        (Access.GRADIENTS, "gradient_norms"),
        (Access.INTERNALS, "internals"),
        (Access.LEAVES, "leaves"),
    ],
)
def test_a_named_method_is_short_for_its_port(port, method):
    one, _ = oracle(port)
    other, target = oracle(port)
    assert np.array_equal(one.ask(port, RECORDS), getattr(other, method)(RECORDS))
    assert one.queries == other.queries == 6
    derived = port in closure({Access.LOGITS})
    assert target.asked == [Access.LOGITS if derived else port]  # the strongest that gives it


def test_labels_and_scores_follow_from_logits():
    asked, _ = oracle(Access.LOGITS)
    scores, logits = asked.ask(Access.SCORES, RECORDS), asked.ask(Access.LOGITS, RECORDS)
    assert np.allclose(np.exp(scores).sum(axis=1), 1) and not np.allclose(np.exp(logits).sum(axis=1), 1)
    assert np.array_equal(asked.ask(Access.LABEL, RECORDS), logits.argmax(axis=1))
    assert asked.queries == 6  # each record counts once, through whichever port


def test_of_the_best_scores_no_more_than_k_are_seen():
    asked, _ = oracle(Access.TOPK)
    classes, scores = asked.top_k(RECORDS)
    seen = asked.ask(Access.TOPK, RECORDS)
    assert seen.shape == (6, 2, 2)
    assert np.array_equal(seen[..., 0], classes) and np.array_equal(seen[..., 1], scores)


def test_what_is_not_granted_is_refused_by_its_name():
    asked, target = oracle(Access.LABEL)
    with pytest.raises(divulge.AccessDenied, match="scores are not granted here: this attack may see labels"):
        asked.ask(Access.SCORES, RECORDS)
    assert target.asked == [] and asked.queries == 0


@pytest.mark.parametrize("port", sorted(WITHOUT_RECORDS, key=lambda port: port.value))
def test_what_is_no_question_about_records_is_not_asked(port):
    asked, target = oracle(port)
    with pytest.raises(divulge.AccessDenied, match="no answers about records"):
        asked.ask(port, RECORDS)
    assert target.asked == []


def test_a_batch_over_the_budget_is_refused_whole():
    asked, target = oracle(Access.SCORES, threat=PRESETS["mlaas"].with_budget(5))
    with pytest.raises(divulge.BudgetSpent):
        asked.ask(Access.SCORES, RECORDS)
    assert target.asked == [] and asked.queries == 0
    asked.ask(Access.SCORES, RECORDS.take(np.arange(5)))
    assert asked.queries == 5
