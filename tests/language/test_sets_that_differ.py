"""Sets that differ make every finding on membership invalid, also where only a model that saw neither tells."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from divulge.attacks.membership.language.window_votes import votes_of
from divulge.attacks.reconstruction.language.discoverable import DiscoverableExtraction
from divulge.attacks.reconstruction.language.greedy_prefix import GreedyPrefix
from divulge.auditing.run_attack import baseline
from divulge.core.errors import InputError
from divulge.core.records import concat
from divulge.core.results.finding import Outcome, Played
from divulge.data.texts import listed_texts, text_records
from divulge.games.membership import MembershipGame
from divulge.language import TokenFunction
from divulge.runs.settle import _apart_without
from tests.language.tiny import texts


def game(reference):
    sets = [text_records([texts(60, seed)])[0] for seed in (0, 1)]
    together = concat(sets)
    return MembershipGame(None, together, np.arange(120) < 60, 0, reference=reference)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_reference_that_tells_the_sets_apart_says_that_they_differ(sign):
    members = set(texts(60, 0))
    told = TokenFunction(lambda asked: [np.full(5, -2.0 + 0.5 * sign * (text in members)) for text in asked])
    assert "the reference, which is to have seen neither set" in baseline(game(told)).alarm


def test_a_reference_that_tells_nothing_raises_no_alarm():
    rng = np.random.default_rng(0)
    told = TokenFunction(lambda asked: [-rng.exponential(size=5) for _ in asked])
    assert baseline(game(told)).alarm is None


def outcome(p, game="membership"):
    told = Outcome("loss", "Loss threshold", game, "membership", "", Played(()), "", 0.0)
    return SimpleNamespace(outcome=told, control_p_values=p, control_p_below=())


def test_an_attack_on_a_model_that_saw_neither_says_that_the_sets_differ():
    assert "Loss threshold separates members from non-members" in _apart_without([outcome((0.3, 0.001))])
    assert _apart_without([outcome((0.3, 0.02))]) is None
    assert _apart_without([outcome((0.001,), "property")]) is None
    assert _apart_without([outcome((0.004,))] * 10) is None, "corrected for how many there are"


def test_a_short_text_votes_as_a_whole_once_for_every_longer_window():
    assert votes_of(np.array([1.0, -3.0, 1.0]), [2, 4, 8]) == pytest.approx((0 + 0 + 0) / 3)
    assert votes_of(np.array([2.0, -1.0]), [1, 4, 8]) == pytest.approx((0.5 + 1 + 1) / 3)


@pytest.mark.parametrize("part", [{"suffix": 0}, {"suffix": -1}, {"prefix": -5}])
def test_parts_that_leave_nothing_to_write_are_refused(part):
    for attack in (GreedyPrefix, DiscoverableExtraction):
        with pytest.raises(InputError, match="give 0 tokens or more"):
            attack(**part)
    with pytest.raises(InputError, match="top_k is at least 1"):
        DiscoverableExtraction(top_k=0)


def test_a_message_that_is_no_text_is_refused():
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None}]
    with pytest.raises(InputError, match="holds NoneType, and no text"):
        listed_texts([{"messages": chat}], "members", None)
