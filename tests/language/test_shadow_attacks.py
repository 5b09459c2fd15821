"""Attacks on language models with shadow fine-tunes: by hand, at chance, levels of models, and the learned ratio."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from divulge.attacks.membership.language.shadows.learned_text_ratio import ComparedTexts
from divulge.attacks.membership.language.shadows.pools import token_pool
from divulge.catalog.attacks import attack
from divulge.core.errors import Impossible
from tests.language.test_token_attacks import area
from tests.language.views import model, played, view_of

MEANS = ["text_difference", "text_lira", "text_bavaria", "text_rmia"]
ALL = [*MEANS, "token_lira", "token_informia", "learned_text_ratio"]
TEXTS = ["a", "b"]
KEEP = [[True, False], [False, True]]


def tables(*answers):
    return [model(dict(zip(TEXTS, rows, strict=True))) for rows in answers]


def test_the_difference_by_hand_raw_and_centered():
    own, first, second = tables([[-1.0, -3.0], [-4.0]], [[-1.0, -1.0], [-5.0]], [[-4.0, -4.0], [-3.0]])
    given = {"shadows": [first, second], "keep": KEEP}
    raw = played("text_difference", own, TEXTS, settings={"centered": False}, **given)
    assert raw.scores.tolist() == [-2 + 4, -4 + 5]
    centered = played("text_difference", own, TEXTS, **given)  # levels -3, -3 and -3.5
    assert centered.scores.tolist() == [1 - (-0.5), -1 - (-2.0)]


def test_rmia_on_texts_by_hand():
    """p(x) = (e^-1 + e^-4)/2 and (e^-5 + e^-3)/2; b gained more, so it alone dominates the other."""
    own, first, second = tables([[-1.0, -3.0], [-2.0]], [[-1.0, -1.0], [-5.0]], [[-4.0, -4.0], [-3.0]])
    guess = played("text_rmia", own, TEXTS, shadows=[first, second], keep=KEEP, settings={"centered": False})
    expected = [-2 - np.log((np.exp(-1) + np.exp(-4)) / 2), -2 - np.log((np.exp(-5) + np.exp(-3)) / 2)]
    assert guess.tie_break == pytest.approx(expected) and guess.scores.tolist() == [0.0, 0.5]


def test_token_informia_by_hand():
    own, first, second = tables([[-1.0, -3.0], [-2.0]], [[-1.0, -2.0], [-5.0]], [[-4.0, -4.0], [-3.0]])
    guess = played("token_informia", own, TEXTS, shadows=[first, second], keep=KEEP)
    prior = [[np.exp(-1) + np.exp(-4), np.exp(-2) + np.exp(-4)], [np.exp(-5) + np.exp(-3)]]
    bits = [np.mean([-1, -3] - np.log(np.array(prior[0]) / 2)), np.mean([-2] - np.log(np.array(prior[1]) / 2))]
    assert guess.scores == pytest.approx((np.array(bits) - np.mean(bits)) / np.log(2))


def test_token_lira_by_hand():
    """Two models did not see a: means -2 and -4, squares about them 2 and 0; one did not see b.  Pooled variance
    (2 + 0 + 0)/2 = 1; of the tokens (2 + 4)/5, (0 + 4)/5 and 4/4.
    """
    own = tables([[-1.0, -3.0], [-2.0]])[0]
    shadows = tables([[-1.0, -4.0], [-9.0]], [[-3.0, -4.0], [-8.0]], [[-7.0, -7.0], [-5.0]])
    keep = [[False, True], [False, True], [True, False]]
    guess = played("token_lira", own, TEXTS, shadows=shadows, keep=keep, settings={"centered": False})
    assert guess.scores == pytest.approx([(1 / np.sqrt(1.2) + 1 / np.sqrt(0.8)) / np.sqrt(2), 3.0])


def pool(gain, models, seed=0, texts=300, tokens=16, level=0.0):
    """Models whose members' tokens rose by `gain`; row 0 of what is trained is the target.  level: how much the mean of
    a model's log-probabilities differs from that of another.
    """
    rng = np.random.default_rng(seed)
    names = [f"text {number}" for number in range(texts)]
    hard = -rng.gamma(2.0, 2.0, (texts, tokens)) - 40.0  # far below 0, so that no log-probability is cut off there
    keep = rng.random((models + 1, texts)) < 0.5
    keep[2::2] = ~keep[1:models:2]
    where = rng.random((texts, tokens)) < 0.5  # half of the tokens are learned
    made = []
    for inside in keep:
        said = hard + gain * where * inside[:, None] + rng.normal(0, 1.0, hard.shape) + level * rng.normal()
        made.append(model(dict(zip(names, said, strict=True))))
    return names, keep, made


@pytest.mark.parametrize("name", ALL)
def test_found_where_members_gained_and_chance_where_they_did_not(name):
    for gain, low, high in ((1.0, 0.8, 1.0), (0.0, 0.4, 0.6)):
        names, keep, made = pool(gain, 6)
        guess = played(name, made[0], names, shadows=made[1:], keep=keep[1:])
        assert low < area(guess, keep[0]) <= high


@pytest.mark.parametrize("models", [2, 4, 5])
@pytest.mark.parametrize("name", ALL)
def test_no_tell_of_how_the_pool_was_made(name, models):
    """The target is a copy of nothing and gained nothing, while every shadow model gained much."""
    areas = []
    for seed in range(4):
        names, keep, made = pool(2.0, models, seed=seed, texts=120)
        stranger = pool(0.0, 0, seed=seed, texts=120)[2][0]
        areas.append(area(played(name, stranger, names, shadows=made[1:], keep=keep[1:]), keep[0]))
    assert abs(np.mean(areas) - 0.5) < 0.09


def test_lira_on_texts_is_the_optimal_test_where_models_are_many():
    """Means of 16 tokens, half of which rose by 0.5: N(0.25, 1/16) against N(0, 1/16), an AUC of Phi(1/sqrt 2)."""
    names, keep, made = pool(0.5, 24, texts=600)
    expected = stats.norm.cdf(0.25 * np.sqrt(16 / 2))
    for name in ("text_lira", "text_bavaria"):
        assert area(played(name, made[0], names, shadows=made[1:], keep=keep[1:]), keep[0]) == pytest.approx(
            expected, abs=0.05
        )


def test_levels_of_models_do_not_count_when_scores_are_centered():
    names, keep, made = pool(1.0, 6, level=2.0)
    for name in ("text_lira", "text_bavaria", "text_difference"):
        given = {"shadows": made[1:], "keep": keep[1:]}
        raw, centered = (
            area(played(name, made[0], names, settings={"centered": flag}, **given), keep[0]) for flag in (False, True)
        )
        assert centered > 0.8 and centered >= raw - 0.01
    lira = attack("text_lira", centered=False)
    raw = area(lira.run(view_of(lira.card, made[0], names, shadows=made[1:], keep=keep[1:])), keep[0])
    assert raw < 0.85 < area(played("text_lira", made[0], names, shadows=made[1:], keep=keep[1:]), keep[0])


def test_the_learned_ratio_is_no_worse_than_what_it_compares():
    names, keep, made = pool(0.7, 6, texts=400)
    found = {name: area(played(name, made[0], names, shadows=made[1:], keep=keep[1:]), keep[0]) for name in ALL}
    assert found["learned_text_ratio"] > max(found.values()) - 0.02


def test_a_text_without_a_model_that_did_not_see_it_is_no_error():
    names, keep, made = pool(1.0, 4, texts=40)
    for everybody in (True, False):
        keep = np.array(keep)
        keep[:, 0] = everybody
        for name in ALL:
            guess = played(name, made[0], names, shadows=made[1:], keep=keep[1:])
            assert np.isfinite(guess.scores).all()


def test_comparisons_leave_out_as_many_models_of_a_member_as_of_a_non_member():
    names, keep, made = pool(1.0, 6, texts=40)
    card = attack("token_lira").card
    compared = ComparedTexts(token_pool(view_of(card, made[0], names, shadows=made[1:], keep=keep[1:]), 6, True))
    left_in, left_out, usable = compared.leave_out(3, np.random.default_rng(0))
    places = np.arange(40)
    assert usable.all() and keep[1:][left_in, places].all() and not keep[1:][left_out, places].any()
    features = compared.features(compared.pool.target, compared.pool.scores, left_in, left_out)
    assert features.shape == (40, 6) and np.abs(features.mean(axis=0)).max() < 1e-9


def test_shadow_models_must_cut_texts_alike():
    own, first, second = tables([[-1.0, -3.0], [-2.0]], [[-1.0], [-5.0]], [[-4.0], [-3.0]])
    with pytest.raises(Impossible, match="other tokens"):
        played("token_lira", own, TEXTS, shadows=[first, second], keep=KEEP)
