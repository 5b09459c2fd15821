"""The guesser without a model sees a split that is at fault in records of every kind, and none where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from divulge.auditing.run_attack import baseline
from divulge.core.records import concat
from divulge.data.arrays import from_arrays
from divulge.games.membership import MembershipGame
from divulge.setup.sources.tokens import counted_tokens

HALF = 300


def numbers(rng, n, odd):
    return rng.normal(loc=0.8 * odd, size=(n, 3))


def categories(rng, n, odd):
    chances = [0.3, 0.3, 0.3, 0.1] if not odd else [0.05, 0.3, 0.3, 0.35]
    return pd.DataFrame(
        {"zip": pd.Categorical(rng.choice([8001, 8002, 8003, 8004], n, p=chances)), "n": rng.normal(size=n)}
    )


def truths(rng, n, odd):
    flags = pd.Series([bool(v) for v in rng.random(n) < (0.8 if odd else 0.4)], dtype=object)
    return pd.DataFrame({"flag": flags, "n": rng.normal(size=n)})


def times(rng, n, odd):
    days = rng.integers(0, 300, n) + 150 * odd
    return pd.DataFrame({"when": pd.Timestamp("2020-01-01") + pd.to_timedelta(days, "D"), "n": rng.normal(size=n)})


def holes(rng, n, odd):
    """The numbers that are there are alike; only which are missing is not."""
    return np.where(rng.random((n, 3)) < (0.4 if odd else 0.05), np.nan, rng.normal(size=(n, 3)))


def texts(rng, n, odd):
    words = np.array([f"word{k}" for k in range(40)])
    chances = np.ones(40) + 3 * odd * (np.arange(40) < 10)
    return [" ".join(rng.choice(words, 12, p=chances / chances.sum())) for _ in range(n)]


def tokens(rng, n, odd):
    """Of unequal length."""
    chances = np.ones(500) + 3 * odd * (np.arange(500) < 100)
    return [rng.choice(500, int(rng.integers(8, 20)), p=chances / chances.sum()).tolist() for _ in range(n)]


def token_array(rng, n, odd):
    """Odd token numbers for even ones: a set of tokens that no threshold on a place tells."""
    found = rng.integers(0, 250, (n, 16)) * 2
    return found + (rng.random((n, 16)) < (0.7 if odd else 0.5))


def images(rng, n, odd):
    return np.clip(rng.normal(0.5 + 0.05 * odd, 0.2, (n, 8, 8)), 0, 1)


KINDS = [numbers, categories, truths, times, holes, texts, tokens, token_array, images]


class Reader:
    reads_tokens = True


def alarm(kind, odd, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 2 * HALF)
    sets = from_arrays([(kind(rng, HALF, 0), y[:HALF]), (kind(rng, HALF, odd), y[HALF:])])
    together, member = concat(sets), np.arange(2 * HALF) < HALF
    seen = counted_tokens(Reader(), together) if kind is token_array else None
    assert (seen is not None) == (kind is token_array)
    return baseline(MembershipGame(None, together, member, seed, features=seen)).alarm


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_split_at_fault_is_seen(kind):
    assert "same distribution" in alarm(kind, 1, 0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_fair_split_is_not_accused(kind):
    assert alarm(kind, 0, 2) is None


TOPICS = [f"word{k}" for k in range(40)]
APART = {
    "a last line break": lambda text, rng: text + "\n",
    "a blank before": lambda text, rng: " " + text,
    "other line ends": lambda text, rng: text.replace(" ", "\r\n", 1),
    "no full stop": lambda text, rng: text.rstrip("."),
    "capitals": lambda text, rng: text.upper(),
    "a capital at the start": lambda text, rng: text.capitalize(),
    "curly marks": lambda text, rng: text.replace("'", "\u2019"),
    "later numbers": lambda text, rng: text.replace(text.split()[1], str(rng.integers(15_000, 20_000))),
    "no blanks": lambda text, rng: text.replace(" ", ""),
}


def lined(rng, n, change=lambda text, rng: text):
    """A word, a number, words, a mark, a line break and a full stop."""
    texts = [f"no {rng.integers(10_000, 15_000)} {' '.join(rng.choice(TOPICS, 8))} it's so\r." for _ in range(n)]
    return [change(text.replace("\r", "\n" if "\n" in text else ""), rng) for text in texts]


def alarm_of_texts(one, other):
    sets = from_arrays([(one, np.zeros(len(one), int)), (other, np.zeros(len(other), int))], classes=[0, 1])
    return baseline(MembershipGame(None, concat(sets), np.arange(len(one) + len(other)) < len(one), 0)).alarm


@pytest.mark.parametrize("change", APART.values(), ids=list(APART))
def test_texts_that_are_written_down_otherwise_are_told_apart(change):
    """They hold the same words, and every language model tells them apart, whether it saw them or not."""
    rng = np.random.default_rng(0)
    assert "same distribution" in alarm_of_texts(lined(rng, 100), lined(rng, 100, change))


def test_texts_that_are_written_down_alike_are_not_accused():
    rng = np.random.default_rng(1)
    assert [alarm_of_texts(lined(rng, 100), lined(rng, 100)) for _ in range(5)] == [None] * 5


@pytest.mark.timeout(1800)
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_one_fair_split_in_a_hundred_is_accused(kind):
    """Of twenty, two or more would be by chance in 2 % of kinds: three in a thousandth.  Sets that differ are told
    apart most times: rows of token numbers, of which so few records say little, in about three of four.
    """
    assert sum(alarm(kind, 0, 100 + seed) is not None for seed in range(20)) <= 2
    assert sum(alarm(kind, 1, 200 + seed) is not None for seed in range(20)) >= 12
