"""Attacks on language models without training: by hand, at chance, and where there is something to find."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from scipy.stats import poisson, rankdata

from divulge.attacks.membership.language.dc_pdd import frequencies
from divulge.attacks.membership.language.window_votes import WindowVotes, votes_of
from divulge.core.errors import Impossible
from divulge.core.language.texts import Prompted
from divulge.language import TokenFunction
from tests.language.views import model, played

ALONE = ["token_loss", "zlib_ratio", "min_k", "min_k_plus"]
REFERENCED = ["reference_ratio", "window_votes", "error_zone"]


def area(guess, member):
    """AUC of a guess."""
    ranks = rankdata(guess.scores)
    inside = int(member.sum())
    return (ranks[member].sum() - inside * (inside + 1) / 2) / (inside * (len(member) - inside))


def test_min_k_by_hand():
    answers = {"a": [-1.0, -2.0, -3.0, -4.0, -5.0], "b": [-2.0, -6.0]}
    assert played("min_k", model(answers), list(answers), settings={"share": 0.4}).scores.tolist() == [-4.5, -6.0]
    assert played("min_k", model(answers), list(answers)).scores.tolist() == [-5.0, -6.0]


def unigram(texts):
    """p = 1/2, 1/4, 1/8, 1/8 for a, b, c, d, whatever came before."""
    p = np.array([0.5, 0.25, 0.125, 0.125])
    logs = np.log(p)
    mean = (p * logs).sum()
    spread = np.sqrt((p * logs**2).sum() - mean**2)
    place = {letter: number for number, letter in enumerate("abcd")}
    return [np.array([[logs[place[t]], mean, spread, place[t], place[t]] for t in text]) for text in texts]


def test_min_k_plus_on_a_unigram_model_by_hand():
    """In bits: mean -1.75, variance 0.5 + 1 + 2.25 - 1.75^2 = 11/16; a is 0.75 above the mean, c 1.25 below."""
    deviation = np.sqrt(11) / 4
    guess = played("min_k_plus", TokenFunction(unigram), ["aaaac", "aaaaa", "abbbb"])
    assert guess.scores == pytest.approx([-1.25 / deviation, 0.75 / deviation, -0.25 / deviation])
    half = played("min_k_plus", TokenFunction(unigram), ["acbd"], settings={"share": 0.75})
    assert half.scores == pytest.approx([(-1.25 - 1.25 - 0.25) / 3 / deviation])


def test_min_k_plus_needs_the_whole_distribution():
    with pytest.raises(Impossible, match="whole distribution"):
        played("min_k_plus", model({"a": [-1.0], "b": [-2.0]}), ["a", "b"])


def test_a_place_where_all_tokens_are_equally_likely_says_nothing():
    even = model({"a": [[-1.0, -1.0, 0.0, 0, 0]], "b": [[-1.0, -2.0, 0.5, 0, 0]]})
    assert played("min_k_plus", even, ["a", "b"]).scores.tolist() == [0.0, 2.0]


def test_zlib_and_lower_case_by_hand():
    answers = {"AbAbAb": [-2.0, -4.0], "Xy": [-1.0, -1.0], "ababab": [-6.0, -6.0], "xy": [-4.0, -4.0]}
    sizes = [len(zlib.compress(text)) for text in (b"AbAbAb", b"Xy")]
    assert played("zlib_ratio", model(answers), ["AbAbAb", "Xy"]).scores.tolist() == [-3 / sizes[0], -1 / sizes[1]]
    assert played("lower_case", model(answers), ["AbAbAb", "Xy"]).scores.tolist() == [-0.5, -0.25]
    with pytest.raises(Impossible, match="capital"):
        played("lower_case", model(answers), ["ababab", "xy"])


def test_window_votes_by_hand():
    gain = np.array([1.0, -2.0, 3.0, -1.0])
    assert votes_of(gain, [1]) == 0.5
    assert votes_of(gain, [2]) == pytest.approx(2 / 3)  # -1, 1, 2
    assert votes_of(gain, [2, 4]) == pytest.approx((2 / 3 + 1) / 2)
    assert votes_of(gain, [2, 4, 40]) == pytest.approx((2 / 3 + 1 + 1) / 3), "longer windows are the text, each"
    assert WindowVotes().windows()[0] == 2 and WindowVotes().windows()[-1] == 40 and len(WindowVotes().windows()) == 10
    own, base = model({"a": gain - 5, "b": [-1.0]}), model({"a": np.full(4, -5.0), "b": [-3.0]})
    guess = played("window_votes", own, ["a", "b"], reference=base, settings={"largest": 2, "sizes": 1})
    assert guess.scores == pytest.approx([2 / 3, 1.0]) and guess.tie_break == pytest.approx([0.25, 2.0])


def test_error_zone_by_hand():
    """Of wrong tokens the log-probability rose by 1, and fell by 1 and 3; the right one does not count."""
    rows = [[-1.0, -2, 1, 1, 7], [-2.0, -2, 1, 4, 8], [-0.1, -1, 1, 0, 9], [-4.0, -2, 1, 2, 6]]
    base = [[-2.0, -2, 1, 1, 7], [-1.0, -2, 1, 4, 8], [-5.0, -1, 1, 0, 9], [-1.0, -2, 1, 2, 6]]
    known = [[-0.1, -1, 1, 0, 9], [-0.1, -1, 1, 0, 9]]
    own, other = model({"a": rows, "b": known}), model({"a": base, "b": [[-3.0, -1, 1, 3, 9]] * 2})
    guess = played("error_zone", own, ["a", "b"], reference=other)
    assert guess.scores[0] == pytest.approx(np.log(1.001 / 4.001)) and guess.scores[1] > guess.scores[0]
    with pytest.raises(Impossible, match="first choice"):
        played("error_zone", model({"a": [-1.0], "b": [-1.0]}), ["a", "b"], reference=model({"a": [-1.0], "b": [-2.0]}))


def test_a_reference_with_other_tokens_has_no_partners():
    own, other = model({"a": [-1.0, -1.0], "b": [-1.0]}), model({"a": [-1.0], "b": [-1.0]})
    with pytest.raises(Impossible, match="other tokens"):
        played("window_votes", own, ["a", "b"], reference=other)
    assert played("reference_ratio", own, ["a", "b"], reference=other).scores.tolist() == [-0.5, 0.0]


def test_recall_by_hand():
    """After the prefix the first token is scored too, and it is left out of the comparison."""
    answers = {"ab": [-1.0, -1.0], "cd": [-2.0, -2.0]}
    answers |= {Prompted("zz ", "ab"): [-9.0, -3.0, -1.0], Prompted("zz ", "cd"): [-9.0, -2.0, -2.0]}
    guess = played("recall", model(answers), ["ab", "cd"], population=["zz"])
    assert guess.scores.tolist() == [2.0, 1.0]


def test_recall_of_a_text_that_was_cut_compares_what_both_scored():
    def row(logs, tokens):
        return [[p, np.nan, np.nan, np.nan, token] for p, token in zip(logs, tokens, strict=True)]

    answers = {"abcd": row([-1.0, -2.0, -3.0], [2, 3, 4])}
    answers[Prompted("zz ", "abcd")] = row([-9.0, -4.0, -5.0], [1, 2, 3])  # its end is not read
    assert played("recall", model(answers), ["abcd"], population=["zz"]).scores.tolist() == [3.0]


def test_con_recall_by_hand():
    """cd, which the model expects most, is the presumed member; cd itself stands after the next likely one."""
    answers = {"ab": [-2.0], "cd": [-1.0]}
    answers |= {Prompted("zz ", "ab"): [-9.0, -4.0], Prompted("zz ", "cd"): [-9.0, -3.0]}
    answers |= {Prompted("cd ", "ab"): [-9.0, -2.0], Prompted("ab ", "cd"): [-9.0, -2.0]}
    guess = played("con_recall", model(answers), ["ab", "cd"], population=["zz"])
    assert guess.scores.tolist() == [2.0 - 0.5 * 1.0, 3.0 - 0.5 * 2.0]


def test_dc_pdd_by_hand():
    corpus, asked = np.array([1.0, 1.0, 2.0]), np.array([1.0, 3.0])
    assert frequencies(asked, corpus).tolist() == [3 / 6, 1 / 6]
    rows = {"a": [[np.log(0.5), -1, 1, 0, 1], [np.log(0.25), -1, 1, 0, 3], [np.log(0.9), -1, 1, 0, 1]]}
    rows["p"] = [[-1.0, -1, 1, 0, 1], [-1.0, -1, 1, 0, 1], [-1.0, -1, 1, 0, 2]]
    expected = (0.5 * np.log(2) + 0.25 * np.log(6)) / 2  # the second 1 does not count
    guess = played("dc_pdd", model(rows), ["a"], population=["p"], settings={"bound": 1.0})
    assert guess.scores == pytest.approx([expected])
    bounded = played("dc_pdd", model(rows), ["a"], population=["p"], settings={"bound": 0.4})
    assert bounded.scores == pytest.approx([(0.5 * np.log(2) + 0.4) / 2])


def test_neighbors_are_the_text_with_words_that_the_population_has():
    asked = []

    def score(texts):
        asked.extend(texts)
        return [np.full(2, -1.0 if text == "the red cat" else -3.0) for text in texts]

    population = ["the blue dog", "a red hen"]
    guess = played("neighborhood", TokenFunction(score), ["the red cat"], population=population)
    assert guess.scores.tolist() == [2.0]
    copies = [text.split() for text in asked if text not in ("the red cat",)]
    differing = [[(a, b) for a, b in zip(copy, ["the", "red", "cat"], strict=True) if a != b] for copy in copies]
    assert all(len(each) == 1 for each in differing)
    assert {a for each in differing for a, b in each if b == "red"} <= {"blue"}, "what follows 'the' elsewhere"


def drawn(gain, seed=0, texts=400, tokens=20):
    """A reference's log-probabilities, and a target's that rose by `gain` on members beside noise of its own."""
    rng = np.random.default_rng(seed)
    names = [f"text {number}" for number in range(texts)]
    member = rng.random(texts) < 0.5
    own, base = {}, {}
    for name, inside in zip(names, member, strict=True):
        hard = -rng.gamma(1.5, 1.5, tokens) - 0.05
        rise = rng.normal(gain * inside, 0.5, tokens)
        rank = rng.integers(0, 4, tokens)
        mean, spread = np.full(tokens, -2.0), np.full(tokens, 1.2)
        own[name] = np.stack([np.minimum(hard + rise, 0.0), mean, spread, rank, np.arange(tokens)], axis=1)
        base[name] = np.stack([hard, mean, spread, rank, np.arange(tokens)], axis=1)
    return names, member, model(own), model(base)


@pytest.mark.parametrize("name", [*ALONE, *REFERENCED])
def test_found_where_members_gained_and_chance_where_they_did_not(name):
    for gain, low, high in ((1.0, 0.68, 1.0), (0.0, 0.4, 0.6)):
        names, member, own, base = drawn(gain)
        given = {"reference": base} if name in REFERENCED else {}
        assert low < area(played(name, own, names, **given), member) <= high


def bigram(seed, states=30, texts=200, length=16):
    """Texts drawn from a chain, half of which a bigram model was counted on; that model, the chain, and the log of the
    ratio of Poisson probabilities of its counts with and without each text, which is the optimal test.
    """
    rng = np.random.default_rng(seed)
    chain = rng.dirichlet(np.full(states, 0.5), states)
    drawn = rng.integers(0, states, (texts, length))
    for step in range(1, length):
        past = chain[drawn[:, step - 1]].cumsum(axis=1)
        drawn[:, step] = np.minimum((past < rng.random((texts, 1))).sum(axis=1), states - 1)
    member = rng.permutation(texts) < texts // 2
    own = np.zeros((texts, states, states))
    np.add.at(own, (np.arange(texts)[:, None], drawn[:, :-1], drawn[:, 1:]), 1.0)
    counts = own[member].sum(axis=0)
    starts = counts.sum(axis=1, keepdims=True)
    rest = counts - own
    ratio = poisson.logpmf(np.maximum(rest, 0), starts * chain) - poisson.logpmf(counts, starts * chain)
    optimal = np.where(own > 0, ratio - 7 * np.maximum(-rest, 0), 0.0).sum(axis=(1, 2))  # fewer than its own: no member

    def counted(table):
        return TokenFunction(lambda asked: [np.log(table[np.array(t)[:-1], np.array(t)[1:]]) for t in asked])

    tables = counted((counts + 1e-3 * chain) / (starts + 1e-3)), counted(chain)
    return [tuple(map(int, row)) for row in drawn], member, *tables, optimal


def test_the_ratio_to_the_reference_is_the_optimal_test_of_a_bigram_model():
    gaps = []
    for seed in range(3):
        names, member, own, chain, optimal = bigram(seed)
        ranks = rankdata(optimal)
        inside = member.sum()
        best = (ranks[member].sum() - inside * (inside + 1) / 2) / (inside * (~member).sum())
        assert best > 0.8
        gaps.append(best - area(played("reference_ratio", own, names, reference=chain), member))
    assert abs(np.mean(gaps)) < 0.01
