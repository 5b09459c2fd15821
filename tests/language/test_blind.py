"""What can be told of texts without any model: dates give a split away, a random split gives nothing away."""

from __future__ import annotations

import numpy as np
import pytest

from divulge.auditing.run_attack import baseline
from divulge.data.texts import text_records
from divulge.games.membership import MembershipGame, shuffled
from tests.language.tiny import texts

MONTHS = ["january", "february", "march", "april", "may", "june"]


def told(split, seed, count=60):
    """The baseline of texts that all begin with a date: members before 2020 and others after 2018, or any of both."""
    rng = np.random.default_rng(seed)
    years = [(2015, 2020) if k < count else (2019, 2024) for k in range(2 * count)]
    if split == "random":
        years = [(2015, 2024)] * (2 * count)
    dated = [
        f"on {rng.integers(1, 29)} {rng.choice(MONTHS)} {rng.integers(*year)} {text}"
        for year, text in zip(years, texts(2 * count, seed, words=25), strict=True)
    ]
    members, others = text_records([dated[:count], dated[count:]])
    candidates, member, _ = shuffled(members, others, seed)
    return baseline(MembershipGame(None, candidates, member, seed))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_texts_of_other_years_raise_the_alarm(seed):
    found = told("by year", seed)
    assert found.alarm and found.reading.value > 0.7


def test_a_random_split_raises_none():
    found = [told("random", seed) for seed in range(3)]
    assert not any(each.alarm for each in found)
    assert abs(np.mean([each.reading.value for each in found]) - 0.5) < 0.1
