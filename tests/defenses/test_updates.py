"""What clients do to updates: bounds that hold, noise as the theory has it, and attacks that get weaker."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from divulge.catalog.defenses import defense
from divulge.core.errors import InputError
from divulge.games.rebuild import RebuildPlan
from tests.attacks.reconstruction_games import dense, pictures, played, quality, share

CHANGES = st.lists(st.lists(st.floats(-5, 5), min_size=1, max_size=8), min_size=1, max_size=3)


def arrays(lists):
    return tuple(np.array(part) for part in lists)


def length(change):
    return np.sqrt(sum((part**2).sum() for part in change))


@settings(max_examples=50, deadline=None)
@given(CHANGES, st.floats(0.1, 3))
def test_clipping_shortens_and_keeps_the_direction(lists, bound):
    change = arrays(lists)
    made = defense("update_clipping", norm=bound).protect(change, np.random.default_rng(0))
    assert length(made) <= max(bound, 0) + 1e-9
    for own, other in zip(change, made, strict=True):
        np.testing.assert_allclose(own * length(made), other * length(change), atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(CHANGES, st.floats(0, 0.99))
def test_pruning_keeps_the_largest(lists, share_):
    change = arrays(lists)
    for own, made in zip(change, defense("update_pruning", share=share_).protect(change, None), strict=True):
        kept = made != 0
        assert np.isin(made[kept], own).all()
        assert kept.sum() >= 1 or not own.any()
        if kept.any() and (~kept).any():
            assert np.abs(own[kept]).min() >= np.abs(own[~kept]).max()


@settings(max_examples=50, deadline=None)
@given(CHANGES, st.integers(1, 6))
def test_quantization_has_few_values_and_the_same_mean(lists, bits):
    change = arrays(lists)
    made = defense("update_quantization", bits=bits).protect(change, np.random.default_rng(0))
    for own, other in zip(change, made, strict=True):
        assert len(np.unique(other.round(9))) <= 2**bits
        assert np.abs(other - own).max() <= 2 * np.abs(own).max() / (2**bits - 1) + 1e-9
    wide = (np.linspace(-1, 1, 7),)
    rng = np.random.default_rng(1)
    mean = np.mean([defense("update_quantization", bits=2).protect(wide, rng)[0] for _ in range(4000)], axis=0)
    np.testing.assert_allclose(mean, wide[0], atol=0.05)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0])
def test_noise_is_the_least_that_gives_the_guarantee(epsilon):
    """Balle and Wang 2018, theorem 8: delta = P(N > eps sigma - 1/2 sigma) - e^eps P(N < -eps sigma - 1/2 sigma), with
    sigma in units of the sensitivity: two updates of one norm can be two norms apart.
    """
    made = defense("update_noise", epsilon=epsilon, delta=1e-5)
    s = made.deviation / 2
    delta = norm.cdf(1 / (2 * s) - epsilon * s) - np.exp(epsilon) * norm.cdf(-1 / (2 * s) - epsilon * s)
    assert delta == pytest.approx(1e-5, rel=1e-3)
    noisy = made.protect((np.zeros(20_000),), np.random.default_rng(0))[0]
    assert noisy.std() == pytest.approx(2 * s, rel=0.03)


def test_noise_for_many_updates_costs_what_was_asked_for_all_of_them():
    import dp_accounting
    from dp_accounting.pld import PLDAccountant

    made = defense("update_noise", epsilon=2.0, delta=1e-5, rounds=20)
    replaced = PLDAccountant(neighboring_relation=dp_accounting.NeighboringRelation.REPLACE_ONE)
    replaced.compose(dp_accounting.GaussianDpEvent(made.deviation), 20)
    assert replaced.get_epsilon(1e-5) == pytest.approx(2.0, rel=1e-3) == made.cost(20)
    once = defense("update_noise", epsilon=8.0)
    assert once.cost(1) == pytest.approx(8.0, rel=1e-3) and once.cost(20) > 50


def test_settings_that_make_no_sense_are_refused():
    for name, wrong in (
        ("update_clipping", {"norm": 0}), ("update_pruning", {"share": 1.0}), ("update_quantization", {"bits": 0}),
        ("update_noise", {"epsilon": 0}), ("update_noise", {"epsilon": float("nan")}), ("update_noise", {"rounds": 0}),
    ):  # fmt: skip
        with pytest.raises(InputError):
            defense(name, **wrong)


def test_noise_ends_the_analytic_attack_and_clipping_does_not():
    sets = pictures(90, seed=1), pictures(90, seed=2), pictures(300, seed=3)

    def with_(name, **told):
        made = defense(name, **told)
        return played("analytic_gradient", dense(), sets, shield=made.protect, plan=RebuildPlan(8))

    assert share(with_("update_clipping", norm=0.01), "records_exact") == 1
    assert share(with_("update_noise", epsilon=1.0), "records_rebuilt") == 0
    assert np.median(quality(with_("update_quantization", bits=2), "PSNR, dB")) < 60
