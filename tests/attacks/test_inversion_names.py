"""Attacks by inversion do what the papers whose names they bear do: losses and rules by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from divulge.attacks.reconstruction.inversion.brep_mi import BrepMi
from divulge.attacks.reconstruction.inversion.image_generator import _helped_round, features_of
from divulge.attacks.reconstruction.inversion.latent_search import poincare
from divulge.attacks.reconstruction.inversion.score_ascent import cropped


def by_hand(u: np.ndarray, code: int, xi: float = 1e-4) -> float:
    """Struppek et al. 2022: arcosh(1 + 2 |u - v|^2 / ((1 - |u|^2) (1 - |v|^2))), u of l1 length 1, v = one-hot - xi."""
    u = u / np.abs(u).sum()
    v = np.clip(np.eye(len(u))[code] - xi, 0, 1)
    return float(np.arccosh(1 + 2 * ((u - v) ** 2).sum() / ((1 - (u**2).sum()) * (1 - (v**2).sum()))))


def test_the_poincare_distance_is_of_logits_of_l1_length_one():
    logits = torch.tensor([[2.0, -1.0, 1.0], [0.5, 3.0, -4.0]], dtype=torch.float64)
    found = poincare(logits, torch.tensor([0, 2]))
    for row, code in enumerate((0, 2)):
        assert float(found[row]) == pytest.approx(by_hand(logits[row].numpy(), code), rel=1e-9)


@pytest.mark.parametrize("ahead", [-40.0, -20.0, -5.0, 20.0, 100.0])
def test_its_slope_does_not_vanish_where_that_of_a_softmax_does(ahead):
    """A wanted logit far behind the others, or far ahead of them: a step by its own size still changes the distance."""
    logits = torch.tensor([[ahead, 1.0, -1.0]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(poincare(logits, torch.tensor([0])).sum(), logits)
    assert float(slope.norm() * logits.detach().norm()) > 0.5
    (soft,) = torch.autograd.grad(-torch.log_softmax(logits, dim=1)[0, 0], logits)
    assert ahead < 0 or float(soft.norm() * logits.detach().norm()) < 1e-3


def test_crops_are_parts_at_full_size():
    ramp = torch.linspace(0, 1, 32).expand(3, 32, 32).contiguous()
    drawn = torch.Generator().manual_seed(0)
    whole = cropped(ramp, (-2, -1), (1.0, 1.0), 1.0, drawn)
    torch.testing.assert_close(whole, ramp, atol=1e-5, rtol=0)
    part = cropped(ramp, (-2, -1), (0.25, 0.25), 1.0, drawn)
    spans = part[:, 16].amax(dim=1) - part[:, 16].amin(dim=1)
    assert ((spans > 0.44) & (spans < 0.53)).all()  # half of each side
    last = cropped(ramp[:, :, :, None].expand(-1, -1, -1, 3), (-3, -2), (0.9, 1.0), 1.0, drawn)
    assert last.shape == (3, 32, 32, 3) and torch.equal(last[..., 0], last[..., 2])


class Sphere:
    """A generator that shows the latent vector itself, and a class that is the inside of a ball."""

    size = 8

    @staticmethod
    def images(latent):
        return np.asarray(latent)


class Labels:
    def __init__(self, middle, far):
        self.middle, self.far, self.outside = middle, far, 0

    def labels(self, rows):
        return (np.linalg.norm(rows - self.middle, axis=1) < self.far).astype(int)


class View:
    def __init__(self, target):
        self.target, self.rng = target, np.random.default_rng(0)

    @staticmethod
    def records(images):
        return images


def test_boundary_repulsion_moves_to_the_middle_of_the_class_and_never_out_of_it():
    middle = np.zeros(8)
    middle[0] = 1.0
    view = View(Labels(middle, 2.0))
    start = middle + np.eye(8)[1] * 1.8
    found = BrepMi(steps=200)._repelled(view, Sphere, start, 1)
    assert np.linalg.norm(found - middle) < 1.2 < np.linalg.norm(start - middle)
    lost = BrepMi(steps=5, radius=50.0)._repelled(view, Sphere, start, 1)  # no sphere is ever inside
    assert np.linalg.norm(lost - middle) < 2.0


def test_a_generator_with_a_targets_help_matches_features_and_the_critic_learns_the_scores():
    torch.manual_seed(0)
    maker = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4), nn.Sigmoid())
    critic = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 3))
    real = torch.rand(64, 4) * 0.2 + 0.7
    wanted = nn.functional.one_hot((real[:, 0] > 0.8).long(), 3).float()
    makes, judges = (torch.optim.Adam(m.parameters(), lr=5e-3) for m in (maker, critic))

    @torch.no_grad()
    def apart():
        made = maker(torch.randn(256, 32))
        return float((critic[:-1](made).mean(dim=0) - critic[:-1](real).mean(dim=0)).abs().mean())

    before = apart()
    for _ in range(300):
        _helped_round(maker, critic, makes, judges, real, wanted, real, real)
    assert apart() < before / 2
    assert (critic(real).argmax(dim=1) == wanted.argmax(dim=1)).float().mean() > 0.8


def test_features_are_what_enters_the_last_linear_layer():
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    x = torch.randn(3, 4)
    torch.testing.assert_close(features_of(module, x), module[:2](x))
    assert not module[2]._forward_pre_hooks
